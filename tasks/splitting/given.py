"""Which part the data itself gives a row: by a role, a column of parts, or a time."""

from collections import Counter

import numpy as np
import pandas as pd

from tasks.config import PARTS, SplitConfig
from tasks.config.data import GIVEN_PART, GIVEN_TIME, PART_NAMES
from tasks.errors import RequestError
from tasks.splitting.moments import moments_of
from tasks.wording import cut

MOST_VALUES = 10
CUT_IT = "set split.test_role=null to cut the test part from all rows"
FREE = -1
"""A row that the data puts into no part: it is dealt."""
_VALIDATION, _TEST = PARTS.index("validation"), PARTS.index("test")


def given_parts(examples: pd.DataFrame, config: SplitConfig) -> np.ndarray | None:
    """int (rows,): the part that each row is given, a position in `PARTS`, or `FREE`.

    Training is never given: its rows are free, and what is not named (validation, say) is dealt
    out of them.

    Args:
        examples: with the roles that the configuration reads.
        config: `test_role` and `after`.

    Returns:
        None where the data gives no parts.

    Raises:
        RequestError: a role that is not there, values that name no part or times that are none,
            or a part without rows.
    """
    if GIVEN_PART in examples.columns:
        return _by_name(examples)
    if config.after is not None:
        return _by_time(examples, config)
    if config.test_role is not None:
        return np.where(rows_of_test(examples, config), _TEST, FREE)
    return None


def rows_of_test(examples: pd.DataFrame, config: SplitConfig) -> np.ndarray:
    """bool (rows,): those that `split.test_role` puts into the test part.

    Raises:
        RequestError: there is no such column, none of its rows is a test row, or all are.
    """
    role = config.test_role
    if role not in examples.columns:
        raise RequestError(
            f"split.test_role reads the role {role!r}, and the examples have only "
            f"{', '.join(map(str, examples.columns))}: name its column with data.columns.{role} "
            f"(the role has to be in data.optional or data.required), or {CUT_IT}."
        )
    values = examples[role].astype("str").str.strip()
    in_test = values.isin(config.test_values).to_numpy()
    if not in_test.any() or in_test.all():
        raise RequestError(
            f"{'Every' if in_test.any() else 'No'} row has one of the values "
            f"{', '.join(config.test_values)} in {role}, whose values are {_counted(values)}: "
            f"choose with split.test_values which rows are the test part, or {CUT_IT}."
        )
    return in_test


def _by_name(examples: pd.DataFrame) -> np.ndarray:
    """By `data.split_column`."""
    values = examples[GIVEN_PART].astype("str").str.strip()
    named = values.str.lower().map(PART_NAMES)
    if named.isna().any():
        odd = values[named.isna()]
        first = examples["row"][named.isna()].iloc[0]
        raise RequestError(
            f"data.split_column: {len(odd):,} usable rows have a value that names no part, the "
            f"first in row {first}: {_counted(odd)}. Its values are to be "
            f"{', '.join(PARTS)} (or {', '.join(n for n in PART_NAMES if n not in PARTS)}); "
            "where others say which rows are for the test, give split.test_role and "
            "split.test_values instead."
        )
    found = named.map(PARTS.index).to_numpy(dtype=np.int64)
    if len(np.unique(found)) < 2 or not (found == 0).any():
        raise RequestError(
            f"data.split_column: the usable rows are {_counted(values)}, and rows for training and "
            "for at least one of validation and test are needed. Set data.split_column=null to cut "
            "all parts from all rows."
        )
    return np.where(found == 0, FREE, found)


def _by_time(examples: pd.DataFrame, config: SplitConfig) -> np.ndarray:
    """By `split.after`."""
    assert config.after is not None  # noqa: S101 - the caller looked
    if GIVEN_TIME not in examples.columns:
        raise RequestError(
            "split.after reads the times of data.time_column, and the examples have none: name "
            "the column, or set split.after=null."
        )
    after = config.after.timestamp()
    found = moments_of(examples[GIVEN_TIME].tolist(), examples["row"].tolist())
    late = found >= after
    if not late.any() or late.all():
        span = " to ".join(
            pd.Timestamp(end, unit="s").isoformat() for end in (found.min(), found.max())
        )
        raise RequestError(
            f"{'Every' if late.any() else 'No'} usable row is at or after split.after="
            f"{config.after.isoformat()}, so {'train' if late.any() else 'test'} would be empty: "
            f"the times are from {span}. Choose a time between."
        )
    return np.where(late, _TEST, FREE)


def _counted(values: pd.Series) -> str:
    counts = Counter(values.fillna("(empty)").replace("", "(empty)")).most_common(MOST_VALUES)
    return ", ".join(f"{cut(str(value), 40)} ({count:,} rows)" for value, count in counts)
