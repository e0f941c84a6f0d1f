"""Cases that learn to write a text."""
