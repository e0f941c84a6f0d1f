"""Splits that are remembered: a row keeps its part when data grows, shrinks or is re-ordered.

Were the split dealt anew with every new row, a champion would be judged by rows that it was
trained on. So what a case's first split came to is recorded in the store, for the lineage of its
data; later splits of the lineage deal new rows around it. Rows are told by their text
(`tasks.texts.identity`), not by their place or id.

    with recorded_split(lineage) as record:
        parts = record.parts_of(marks)      # -1 where a text is new
        record.add(marks, parts)
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.locks import locked
from tasks.paths import store_dir
from tasks.storage import atomic_path

OTHER_SETTINGS = (
    "An earlier split of this case's data was recorded under other settings (the fields of split "
    "or data); this one is a new lineage, dealt anew."
)
# Next month's file is the same data, grown.
_CIRCUMSTANCES = {"path", "sha256", "hub_revision"}
_AFTER_THE_DEAL = {"rows"}
LATER = {
    *("split_column", "time_column", "after", "repeat_folds"),
    *("pair", "hub_validation_split", "rename_values", "archives"),
}
"""Fields that came later: where they say nothing, a lineage is the one that it was."""


def lineage_of(config: CaseConfig, *more: str | None) -> Path | None:
    """Where a case's split is recorded; None with folds, which register nothing.

    The lineage is the case, the source of its data and how they are read (not the file they lie
    in, which may be another every month), and the settings of the split.

    Args:
        config: the case.
        more: settings of its kind that decide on parts.
    """
    if config.split.folds is not None:
        return None
    data = config.data.model_dump(mode="json", exclude=_CIRCUMSTANCES)
    split = config.split.model_dump(mode="json", exclude=_AFTER_THE_DEAL)
    data, split = (_without_silence(section) for section in (data, split))
    settings = hashlib.sha256(json.dumps([data, split, more], sort_keys=True).encode()).hexdigest()
    where = "file" if config.data.path is not None else config.data.source
    source = hashlib.sha256(where.encode()).hexdigest()[:8]
    return store_dir() / "splits" / f"{config.case}-{source}" / f"{settings[:24]}.parquet"


def _without_silence(section: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in section.items() if v or name not in LATER}


class Record:
    """The part of each text that was ever dealt in a lineage.

    Attributes:
        is_new: nothing was recorded before.
        note: what a reader has to know of the lineage; empty where there is nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._marks, self._parts = _read(path)
        self.is_new = not len(self._marks)
        others = any(path.parent.glob("*.parquet")) if path is not None else False
        self.note = OTHER_SETTINGS if self.is_new and others else ""

    def parts_of(self, marks: np.ndarray) -> np.ndarray:
        """int64 (texts,): the recorded part of each, a position in `PARTS`; -1 where it is new."""
        if self.is_new:
            return np.full(len(marks), -1, dtype=np.int64)
        at = np.searchsorted(self._marks, marks).clip(max=len(self._marks) - 1)
        return np.where(self._marks[at] == marks, self._parts[at], -1)

    def add(self, marks: np.ndarray, parts: np.ndarray) -> None:
        """Record the parts of new texts; what is recorded stays as it is."""
        new = self.parts_of(marks) < 0
        if self._path is None or not new.any():
            return
        all_marks, first = np.unique(np.concatenate([self._marks, marks[new]]), return_index=True)
        all_parts = np.concatenate([self._parts, parts[new]])[first]
        with atomic_path(self._path) as partial:
            pd.DataFrame({"mark": all_marks, "part": all_parts}).to_parquet(partial)
        self._marks, self._parts = all_marks, all_parts


@contextmanager
def recorded_split(path: Path | None) -> Iterator[Record]:
    """The record of a lineage, held against other sweeps until the block is left.

    Args:
        path: of `lineage_of`; None for a split that is not recorded.

    Raises:
        ThawError: the store cannot be written, or the record cannot be read.
    """
    if path is None:
        yield Record()
        return
    with locked(path.with_suffix(".lock")):
        yield Record(path)


def _read(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    if path is None or not path.exists():
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    try:
        frame = pd.read_parquet(path)
        return frame["mark"].to_numpy(np.uint64), frame["part"].to_numpy(np.int64)
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise ThawError(
            f"The recorded split {path} cannot be read ({error}), so rows might change their "
            "parts: put it back from a copy, or delete it to have all rows dealt anew."
        ) from error
