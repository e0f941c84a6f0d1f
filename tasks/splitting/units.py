"""What a kind says of its rows before they are divided: its units, which the shared splitter deals.

A kind gives what its rows are told by (a text, a prompt, a picture), what else holds them together
(a franchise, a column's value), what each part should have its share of, and which part the data
itself gives a row. All else is the same for every kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config import PARTS, SplitConfig
from tasks.errors import RequestError
from tasks.splitting.given import FREE, given_parts


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
        given: int: the part that the data puts a row into (`given.given_parts`); None where it
            says nothing.
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
    given: np.ndarray | None = None

    @property
    def part(self) -> np.ndarray:
        """int (rows,): the part that each row is given, or `FREE`."""
        return np.full(len(self.texts), FREE) if self.given is None else self.given

    @property
    def dealt(self) -> tuple[int, ...]:
        """Positions in `PARTS` of those that are dealt from the free rows: train, and every part
        that the data names no row of."""
        named = set(self.part.tolist())
        return tuple(at for at in range(len(PARTS)) if at not in named)


def text_units(examples: pd.DataFrame, config: SplitConfig, labelled: bool) -> Units:
    """The units of rows of texts.

    Args:
        examples: `row`, `text`, `labels` (a list), and the roles that the configuration reads.
        config: what counts as the same, and what names the test part.
        labelled: rows have labels to be dealt evenly and one label a text; otherwise a text is a
            prompt, which may be answered in several ways.

    Raises:
        RequestError: a role that is not there, or given parts that are none.
    """
    return Units(
        texts=examples["text"].tolist(),
        rows=examples["row"].to_numpy(),
        noun="text" if labelled else "prompt",
        names=_names(examples, config),
        strata=examples["labels"].tolist() if labelled else None,
        settled=labelled,
        given=given_parts(examples, config),
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
