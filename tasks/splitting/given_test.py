"""A test part that the data itself names (`split.test_role`), as published splits do."""

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.errors import RequestError

MOST_VALUES = 10
CUT_IT = "set split.test_role=null to cut the test part from all rows"


def rows_of_test(examples: pd.DataFrame, config: SplitConfig) -> np.ndarray | None:
    """bool (rows,): what the data puts into the test part; None where the split is to cut one.

    Raises:
        RequestError: there is no such column, none of its rows is a test row, or all are.
    """
    role = config.test_role
    if role is None:
        return None
    if role not in examples.columns:
        raise RequestError(
            f"split.test_role reads the role {role!r}, and the examples have only "
            f"{', '.join(map(str, examples.columns))}: name its column with data.columns.{role} "
            f"(the role has to be in data.optional or data.required), or {CUT_IT}."
        )
    values = examples[role].astype("str").str.strip()
    in_test = values.isin(config.test_values).to_numpy()
    if not in_test.any() or in_test.all():
        counts = values.fillna("(empty)").value_counts().head(MOST_VALUES)
        found = ", ".join(f"{value} ({count:,} rows)" for value, count in counts.items())
        raise RequestError(
            f"{'Every' if in_test.any() else 'No'} row has one of the values "
            f"{', '.join(config.test_values)} in {role}, whose values are {found}: choose with "
            f"split.test_values which rows are the test part, or {CUT_IT}."
        )
    return in_test


def train_beside_test(unit: np.ndarray, in_test: np.ndarray) -> np.ndarray:
    """bool (rows,): rows outside test that are tied to a test row (nearly the same text, a group).

    Args:
        unit: int (rows,): each row's unit, from 0 without gaps.
        in_test: bool (rows,).
    """
    tested = np.zeros(unit.max() + 1, dtype=bool)
    tested[unit[in_test]] = True
    return tested[unit] & ~in_test
