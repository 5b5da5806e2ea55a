"""Version 5 of the generator: bones nearly as large as people's, a colon with folds, ground with fine structure."""
