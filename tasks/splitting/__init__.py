"""Three parts that share nothing: duplicates, groups, stratification and the leakage check.

`assignment.py` is the way in (`assign_parts`), `leakage.py` the check that does not trust it.
"""
