"""A case of a user's own, drafted from one file: `thaw new`."""
