"""A board: runs of the same cases merged into static pages, with the history of every method."""
