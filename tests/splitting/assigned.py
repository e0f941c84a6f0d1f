"""Rows of texts split as a case with labels splits them, for tests that begin with a table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.splitting import leakage
from tasks.splitting.assignment import assign
from tasks.splitting.report import SplitReport
from tasks.splitting.units import text_units


@dataclass(frozen=True)
class Assigned:
    """The one split of some rows."""

    part: pd.Series
    group: pd.Series
    report: SplitReport

    def frames(self, examples: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The rows of each part."""
        names = ("train", "validation", "test")
        return {name: examples[self.part == name].reset_index(drop=True) for name in names}

    @property
    def parts(self) -> Mapping[str, int]:
        """Part -> rows."""
        return self.report.parts[0]


def assign_parts(examples: pd.DataFrame, config: SplitConfig) -> Assigned:
    """Divide rows with labels."""
    found = assign(text_units(examples, config, labelled=True), config)
    return Assigned(
        part=pd.Series(found.folds[0], index=examples.index, dtype="str"),
        group=pd.Series(found.group, index=examples.index),
        report=found.report,
    )


def check_leakage(frames: Mapping[str, pd.DataFrame], config: SplitConfig) -> None:
    """The check, of parts in frames of their own."""
    rows = pd.concat(frames.values(), ignore_index=True)
    part = np.repeat(list(frames), [len(frame) for frame in frames.values()])
    leakage.check_leakage(text_units(rows, config, labelled=True), part, config)
