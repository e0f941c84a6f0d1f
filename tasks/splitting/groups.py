"""Rows that belong together because their source says so, or because their titles do."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tasks.splitting.franchises import find_franchises


def find_groups(
    kind: Literal["franchise", "column"], values: Sequence[str | None], texts: Sequence[str]
) -> np.ndarray:
    """int (rows,): the number of each row's group, from 0.

    Args:
        kind: `split.group_by`.
        values: of `split.group_role`: titles, or names of groups. Under `column` a row without a
            value is a group of its own.
        texts: the rows' texts, which tell franchises apart.
    """
    if kind == "franchise":
        return find_franchises(values, texts)
    numbers, names = pd.Series(pd.array(list(values), dtype="str")).factorize()
    alone = numbers < 0
    numbers[alone] = len(names) + np.arange(alone.sum())
    return np.asarray(numbers, dtype=np.int64)
