"""What docs/results.md claims about speed, runnable."""
