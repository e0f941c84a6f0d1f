from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tasks.config import CaseConfig
from tasks.errors import RequestError, ThawError
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.loading import load_case

from .conftest import LABELS
