"""The sections of a case's configuration; every field is documented where it stands."""
