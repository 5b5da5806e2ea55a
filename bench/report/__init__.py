"""Table, LaTeX, figure and picture primitives that ``reports/`` uses."""
