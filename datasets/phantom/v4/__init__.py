"""Version 4: arches as in life, a belly of one piece, people who differ more; the rest is version 3's and 2's."""
