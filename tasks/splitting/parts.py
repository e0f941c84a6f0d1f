"""The three parts as stored tables, checked for leakage before anything is trained on them."""

import pandas as pd

from tasks.config import SplitConfig
from tasks.splitting.assignment import assign_parts
from tasks.splitting.leakage import check_leakage
from tasks.splitting.report import SplitReport
from tasks.storage import TableRef, put_table


def split_into_parts(
    examples: TableRef, config: SplitConfig
) -> tuple[dict[str, TableRef], SplitReport]:
    """Divide usable examples, prove that nothing leaks, and store the parts.

    Predictions are kept by id, so an id that several rows share gets the row's number behind it.

    Returns:
        `train`, `validation` and `test`, and the report.

    Raises:
        RequestError: too few rows, or a group that is too large.
        ThawError: the leakage check found something on both sides.
    """
    rows = examples.read()
    rows["id"] = unique_ids(rows)
    assignment = assign_parts(rows, config)
    frames = assignment.frames(rows)
    check_leakage(frames, config)
    parts = {
        name: put_table(frame, f"{name} part of {examples.origin}")
        for name, frame in frames.items()
    }
    return parts, assignment.report


def unique_ids(rows: pd.DataFrame) -> pd.Series:
    """The ids, those that stand more than once made unique by the row's number."""
    repeated = rows["id"].duplicated(keep=False)
    return rows["id"].where(~repeated, rows["id"] + "#" + rows["row"].astype(str))
