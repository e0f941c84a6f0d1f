"""What arms leave behind whose figures are means over scored rows.

A row is a pair of answers (reward models), a held-out prompt (learning from rewards) or a question
(visual question answering). Each of its scores is one number; a metric is the mean of a score over
the rows that have it. Rows that share a query or a picture are no independent evidence: where they
name their `group`, the bootstrap draws groups.

Rows of two more sorts have figures that are of all rows together: written texts (`variety.py`), and
numbers with what was predicted for them (`numeric.py`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.config.base import Task
from tasks.evaluation.numeric import NUMBER, PREDICTED, numeric_parts
from tasks.evaluation.outcomes import GROUP, group_numbers
from tasks.evaluation.variety import DistinctGrams
from tasks.evaluation.weighted_part import Part, RowMeans
from tasks.storage import TableRef, put_table

METRICS: dict[Task, tuple[str, ...]] = {
    "preference": ("pair_accuracy", "pair_accuracy_matched", "margin", "loss"),
    "policy": (
        "reward",
        "greedy_reward",
        "greedy_repetition_4",
        "kl",
        "tokens",
        "words",
        "repetition_4",
        "distinct_1",
        "distinct_2",
        "stops",
        "overlap",
    ),
    "vqa": ("vqa_accuracy", "exact_match", "yes_no", "number", "other", "stops", "loss"),
    "regression": ("mae", "rmse", "r2", "spearman", "loss"),
}
"""Of each task; `policy` also has `reward_<name>` for every part of the reward."""
UNBOUNDED = ("loss", "tokens", "words")
"""Figures that may be above 1."""
SIGNED = ("reward", "greedy_reward", "kl", "margin")
"""Those that may be below 0 too, `reward_<name>` among them."""
SCORE = "score:"
TEXT = "generated"
"""The column of what was written, where rows are answers: how varied they are, taken together, is
a figure too."""
GREEDY = "greedy"
"""The column of greedy answers to the same prompts, where there are some."""


class Scored(BaseModel):
    """A table of scored rows in memory, in the form in which arms are compared.

    Attributes:
        ids: of the rows.
        truth: what was right in each row, as text: arms that disagree saw different rows.
        scores: metric -> float64 (rows,), NaN where a row has none.
        groups: a number for each row, equal for rows that belong together; None where all are
            independent.
        frame: the whole table, with what else was kept of each row.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    ids: list[str]
    truth: np.ndarray
    scores: dict[str, np.ndarray]
    groups: np.ndarray | None
    frame: pd.DataFrame

    def in_order(self, order: np.ndarray) -> "Scored":
        """The rows at these positions."""
        return Scored(
            ids=[self.ids[row] for row in order],
            truth=self.truth[order],
            scores={name: values[order] for name, values in self.scores.items()},
            groups=None if self.groups is None else self.groups[order],
            frame=self.frame.iloc[order].reset_index(drop=True),
        )


def put_scored(
    ids: Sequence[str],
    truth: Sequence[str],
    scores: Mapping[str, np.ndarray],
    columns: Mapping[str, Sequence[object] | np.ndarray],
    origin: str,
    groups: Sequence[str] | None = None,
) -> TableRef:
    """Store scored rows.

    Args:
        ids: of the rows, each once.
        truth: see `Scored`.
        scores: metric -> (rows,), NaN where a row has none.
        columns: what else a reader of the table wants to see of each row.
        origin: in words.
        groups: a name for each row, equal for rows that belong together.
    """
    frame = pd.DataFrame({"id": ids, "truth": truth, **columns})
    if groups is not None:
        frame[GROUP] = list(groups)
    for name, values in scores.items():
        frame[f"{SCORE}{name}"] = np.asarray(values, dtype=np.float64)
    return put_table(frame, origin)


def read_scored(table: TableRef) -> Scored:
    """Read what `put_scored` stored."""
    frame = table.read()
    return Scored(
        ids=frame["id"].tolist(),
        truth=frame["truth"].to_numpy(dtype=object),
        scores={
            name.removeprefix(SCORE): frame[name].to_numpy(dtype=np.float64)
            for name in map(str, frame)
            if name.startswith(SCORE)
        },
        groups=group_numbers(frame),
        frame=frame,
    )


def is_signed(metric: str) -> bool:
    """Whether a figure may be below 0: rewards are a classifier's logits."""
    return metric in SIGNED or metric.startswith("reward_")


def scored_metrics(scored: Scored) -> dict[str, float]:
    """The mean of every score, none for a score that no row has; and what is of all rows."""
    means = {
        name: float(np.nanmean(values))
        for name, values in scored.scores.items()
        if not np.isnan(values).all()
    }
    once = np.ones((len(scored.ids), 1))
    together = {
        name: float(values[0])
        for part in _of_all_rows(scored)
        for name, values in part.at(once).items()
        if not np.isnan(values[0])
    }
    return means | together


def table_metrics(table: TableRef) -> dict[str, float]:
    """The same of a table that `put_scored` stored."""
    return scored_metrics(read_scored(table))


def scored_parts(scored: Scored) -> list[Part]:
    """The metrics as functions of row weights."""
    means = [RowMeans({name: values}, ~np.isnan(values)) for name, values in scored.scores.items()]
    return [*means, *_of_all_rows(scored)]


def _of_all_rows(scored: Scored) -> list[Part]:
    """What is no mean over rows."""
    frame, parts = scored.frame, list[Part]()
    if TEXT in frame:
        parts.append(DistinctGrams(frame[TEXT].tolist()))
    if PREDICTED in frame:
        parts += numeric_parts(*(frame[name].to_numpy(float) for name in (NUMBER, PREDICTED)))
    return parts
