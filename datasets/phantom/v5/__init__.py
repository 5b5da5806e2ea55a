"""Version 5 of the generator: bones of the volume that people have, a colon with folds, ground with fine structure."""
