"""What an arm leaves behind: its predictions by example id, metrics, costs and curves.

Everything that is compared or shown is made from these, and each is kept in the arm's run.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.errors import DivergedError
from tasks.storage import TableRef, put_table

GROUP = "group"
"""The column that says which rows of a test table belong together."""
THRESHOLDS = "thresholds"
"""The column with each row's own thresholds, in tables of several folds."""


class CurvePoint(BaseModel):
    """One logged moment of training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: float
    step: int
    metrics: dict[str, float]


class Outcome(BaseModel):
    """One finished arm or baseline.

    Attributes:
        name: how tables call it: the strategy, with the grid point where there is a grid.
        kind: `arm` (trained here), `hosted` (trained at a server: nothing can be packaged, so it
            is compared but never chosen) or `baseline`.
        seed: the arm's seed; None for a baseline that has no randomness.
        point: grid values by dotted field name.
        run_id: the MLflow child run that holds the evidence.
        metrics: `val/…`, `test/…` and `cost/…` by full name.
        thresholds: the tuned threshold of each label, in label order (multi-label cases).
        temperature: what the logits were divided by (`evaluation.calibrate`).
        validation, test: predictions, see `put_predictions`; answers, see
            `completions.put_completions`, in cases that write.
        folder: where the trained model lies (arms only).
        trunk: whether the frozen part ran once per example, and if not, why.
        fold: the fold that was the test part; None without cross-validation.
        note: what else a reader has to know: a guard that ended the training, say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["arm", "hosted", "baseline"]
    strategy: str | None = None
    seed: int | None = None
    point: dict[str, Any] = {}
    key: str = ""
    run_id: str = ""
    metrics: dict[str, float]
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0
    validation: TableRef
    test: TableRef
    curve: tuple[CurvePoint, ...] = ()
    folder: str | None = None
    trunk: str = ""
    fold: int | None = None
    note: str = ""


class Predictions(BaseModel):
    """A prediction table in memory.

    Attributes:
        ids: n example ids, in the part's order.
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].
        groups: a number for each row, equal for rows that belong together (one franchise, or
            nearly the same text), which are no independent evidence; None where that is unknown.
        thresholds: (n, labels), where rows were answered by models with thresholds of their own
            (`pooling.pool_folds`); None where the outcome's hold for all.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    ids: list[str]
    truth: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray | None = None
    thresholds: np.ndarray | None = None


def put_predictions(
    ids: list[str],
    truth: np.ndarray,
    probabilities: np.ndarray,
    origin: str,
    groups: Sequence[object] | None = None,
) -> TableRef:
    """Store predictions by example id: columns `id`, `truth` and `probabilities` (lists).

    Args:
        ids: of the examples.
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].
        origin: in words.
        groups: a name or number for each row, equal for rows that belong together.

    Raises:
        DivergedError: a probability is not a number; the first class would pass for the answer.
    """
    if not np.isfinite(probabilities).all():
        rows = int((~np.isfinite(probabilities)).any(1).sum())
        raise DivergedError(
            f"{origin}: {rows:,} of {len(ids):,} rows have no number for an answer."
        )
    frame = pd.DataFrame(
        {
            "id": ids,
            "truth": list(truth.astype(np.int8)),
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )
    if groups is not None:
        frame[GROUP] = np.asarray(groups)
    return put_table(frame, origin)


def groups_of(part: TableRef) -> list[object] | None:
    """The group of each row of a stored part, where the split has found groups."""
    return part.read([GROUP])[GROUP].tolist() if GROUP in part.columns else None


def group_numbers(frame: pd.DataFrame) -> np.ndarray | None:
    """A number for each row of a table, equal for rows of one group; None without groups."""
    return pd.factorize(frame[GROUP])[0] if GROUP in frame else None


def read_predictions(table: TableRef) -> Predictions:
    """Read what `put_predictions` stored."""
    frame = table.read()
    own = np.stack(frame[THRESHOLDS].to_list()) if THRESHOLDS in frame else None
    return Predictions(
        ids=frame["id"].tolist(),
        truth=np.stack(frame["truth"].to_list()),
        probabilities=np.stack(frame["probabilities"].to_list()),
        groups=group_numbers(frame),
        thresholds=own,
    )


def thresholds_of(outcome: Outcome, table: Predictions) -> Sequence[float] | np.ndarray:
    """The thresholds at which an outcome's rows are decided: one a label, or for each row too."""
    return outcome.thresholds if table.thresholds is None else table.thresholds
