"""Kinds of cases: a folder each, behind the contract of `kind.py`."""
