"""Validation: does the data pass the case's expectations, before anything is trained on it?

Start at `validate.py`. The suites are `conf/expectations/<case>.json`.
"""

import logging

# Great Expectations reports what it does at INFO, from its import on: this must stand before that.
logging.getLogger("great_expectations").setLevel(logging.WARNING)
