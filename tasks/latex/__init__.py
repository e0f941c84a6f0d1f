"""LaTeX formulas: read, compared, judged."""
