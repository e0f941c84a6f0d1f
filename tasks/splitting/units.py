"""What a kind says of its rows before they are divided: its units, which the shared splitter deals.

A kind gives what its rows are told by (a text, a prompt, a picture), what else holds them together
(a franchise, a column's value), what each part should have its share of, and which rows the data
itself puts into the test part. All else is the same for every kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.errors import RequestError

MOST_VALUES = 10
CUT_IT = "set split.test_role=null to cut the test part from all rows"


@dataclass(frozen=True)
class Units:
    """One value a row in all of its sequences.

    Attributes:
        texts: what the rows are told by; rows with one text stay together.
        rows: numbers of the rows in their source.
        noun: what such a text is called.
        alike: whether texts that are nearly the same stay together as well.
        names: titles, or names of groups, by which `split.group_by` joins rows; None without.
        strata: labels, of which each part gets its share; None where parts differ by size alone.
        answers: what rows of one text may contradict each other in; the strata where it is None.
        answer: what such a one is called.
        settled: whether a text has one answer, so that `split.conflicts` and
            `split.drop_duplicates` say which of its rows stand; otherwise all do.
        in_test: bool: rows that the data puts into the test part; None where it is cut.
    """

    texts: Sequence[str]
    rows: np.ndarray
    noun: str = "text"
    alike: bool = True
    names: Sequence[str | None] | None = None
    strata: Sequence[Sequence[str]] | None = None
    answers: Sequence[Sequence[str]] | None = None
    answer: str = "label"
    settled: bool = False
    in_test: np.ndarray | None = None

    @property
    def given(self) -> np.ndarray:
        """bool (rows,): those that the data puts into the test part; none where it says nothing."""
        return np.zeros(len(self.texts), dtype=bool) if self.in_test is None else self.in_test


def text_units(examples: pd.DataFrame, config: SplitConfig, labelled: bool) -> Units:
    """The units of rows of texts.

    Args:
        examples: `row`, `text`, `labels` (a list), and the roles that the configuration reads.
        config: what counts as the same, and what names the test part.
        labelled: rows have labels to be dealt evenly and one label a text; otherwise a text is a
            prompt, which may be answered in several ways.

    Raises:
        RequestError: a role that is not there, or a test part of none or of all rows.
    """
    if config.test_role is not None and config.folds is not None:
        raise RequestError(
            f"split.test_role={config.test_role} names the test part, and with split.folds every "
            "row is tested once: set one of the two to null."
        )
    return Units(
        texts=examples["text"].tolist(),
        rows=examples["row"].to_numpy(),
        noun="text" if labelled else "prompt",
        names=_names(examples, config),
        strata=examples["labels"].tolist() if labelled else None,
        settled=labelled,
        in_test=rows_of_test(examples, config),
    )


def _names(examples: pd.DataFrame, config: SplitConfig) -> list[str | None] | None:
    if config.group_by == "none":
        return None
    if config.group_role not in examples.columns:
        raise RequestError(
            f"split.group_by={config.group_by} reads the role {config.group_role!r}, and the "
            f"examples have only {', '.join(map(str, examples.columns))}: list the role in "
            "data.required or data.optional, or set split.group_by=none."
        )
    return list(examples[config.group_role])


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
