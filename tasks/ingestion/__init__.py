"""From a source to examples: fetch, read as text, map columns to roles, render texts and labels."""
