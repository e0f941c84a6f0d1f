"""What a comparison holds, in types that serialise to JSON and back.

`tasks/evaluation/comparison.py` fills them; plots and reports only read them.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from tasks.config.base import Task
from tasks.evaluation.numeric import IN_UNITS
from tasks.evaluation.wording import digits_of, lower_is_better, metric_title, short_name

# JSON has no NaN: pydantic writes null for it, and this reads it back.
Figure = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


Verdict = Literal["better", "worse", "even", "unknown"]


FEWEST = 10
"""Positives of a label in the test part below which its figures, and means over labels that it is
in, have no interval: resamples of so few rows do not show how far others would differ."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Frozen):
    """A metric of one entry on the test part.

    Attributes:
        mean: the figure on the test rows themselves, averaged over seeds.
        low, high: limits of its interval; NaN where it is not estimable (`bootstrap.FEWEST`), or
            the metric undefined.
    """

    mean: Figure
    low: Figure
    high: Figure

    @property
    def estimable(self) -> bool:
        """Whether there is an interval, or no figure either."""
        return math.isnan(self.mean) or not math.isnan(self.low)


class Difference(_Frozen):
    """A metric of one entry less that of another, on the same test rows.

    Attributes:
        first, second: names of the entries; `difference` is first minus second, over the seeds
            that both have.
        low, high: its interval, which counts no other comparison; NaN where it is not estimable.
        p: of the swap test, corrected for all pairs of entries on this metric.
        seeds: how many seeds are compared; 1 is this one seed alone.
        real: p and the interval bear it out. Where it is false the two cannot be told apart.
    """

    metric: str
    first: str
    second: str
    difference: Figure
    low: Figure
    high: Figure
    p: Figure = math.nan
    seeds: int = 1
    real: bool

    @property
    def verdict(self) -> Verdict:
        """What the first is, against the second."""
        if math.isnan(self.difference):
            return "unknown"
        if not self.real:
            return "even"
        return "better" if (self.difference > 0) != lower_is_better(self.metric) else "worse"


class Cost(_Frozen):
    """A cost averaged over seeds, and how many times that of `full` it is (None: no `full`)."""

    value: Figure
    ratio: Figure | None = None


class Spread(_Frozen):
    """A metric over the folds of a cross-validation: mean and standard deviation (over k - 1)."""

    mean: Figure
    deviation: Figure


class Entry(_Frozen):
    """One row of the comparison: a strategy at a grid point, or a baseline, over all its seeds.

    Attributes:
        seeds: the seeds that were trained; empty for a baseline without randomness.
        selection: the validation metric that chooses the best arm, averaged over seeds.
        metrics: shown test metrics by short name (`f1_micro_tuned`).
        costs: by short name (`train_seconds`); a cost that means nothing here is absent.
        folds: with cross-validation, shown test metrics by short name; empty without.
    """

    name: str
    kind: Literal["arm", "hosted", "baseline"]
    strategy: str | None
    point: dict[str, Any]
    seeds: tuple[int, ...]
    selection: Figure
    metrics: dict[str, Interval]
    costs: dict[str, Cost]
    folds: dict[str, Spread] = {}


class LeftOut(_Frozen):
    """An arm or a baseline that is in no figure of the comparison, because it diverged.

    Attributes:
        name: of the entry that it would be part of.
        seed: the arm's.
        reason: in a sentence, with what to change.
    """

    name: str
    seed: int | None = None
    reason: str

    @property
    def title(self) -> str:
        """How its run is called."""
        return self.name if self.seed is None else f"{self.name} seed={self.seed}"


class ReferenceLine(_Frozen):
    """One of the chapter's results, with ours of the same strategy and metric beside it.

    Attributes:
        ours: name of our entry; None when that strategy was not in the sweep.
        chapter, here: metric name -> figure; `here` lacks what we did not measure.
    """

    name: str
    ours: str | None
    chapter: dict[str, float]
    here: dict[str, Figure]


class Comparison(_Frozen):
    """The outcome of a sweep.

    Attributes:
        case, title, data, base_model, task: as the configuration names them.
        positive: the positive class of a two-class case.
        primary: the test metric that decides, by short name.
        select_by: the validation metric that chose `best`, by full name.
        metrics: short names of the shown metrics, in order.
        best: name of the arm entry chosen on validation; `best_seed` is its best seed.
        indistinguishable: arms whose primary metric cannot be told from that of `best`.
        left_out: arms and baselines that diverged, and so are in no entry.
        floor: name of the entry that is the trivial answer; empty where none is known.
        conclusion: in plain English: a line that says what to do, and lines of evidence, cautions
            included, each after a dash.
    """

    case: str
    title: str
    data: str
    base_model: str
    task: Task = "multi_label"
    positive: str | None = None
    primary: str
    select_by: str
    metrics: tuple[str, ...]
    confidence: float
    resamples: int
    test_rows: int
    labels: int
    entries: tuple[Entry, ...]
    differences: tuple[Difference, ...]
    best: str
    best_seed: int | None
    indistinguishable: tuple[str, ...]
    reference_source: str
    reference: tuple[ReferenceLine, ...]
    notebook_source: str = ""
    notebook: tuple[ReferenceLine, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    floor: str = ""
    conclusion: str = ""

    @property
    def headline(self) -> str:
        """The conclusion's first sentence: what to do."""
        return self.conclusion.partition("\n")[0]

    @property
    def evidence(self) -> tuple[str, ...]:
        """The lines of the conclusion below it, without their dashes."""
        return tuple(line.removeprefix("- ") for line in self.conclusion.splitlines()[1:])

    def sharing_trunk(self, entry: Entry) -> list[str]:
        """The other arms that use the trunk's pass of this one."""
        own = entry.costs.get("trunk_seconds")
        if own is None:
            return []
        return [
            other.name
            for other in self.arms
            if other.name != entry.name
            and (its := other.costs.get("trunk_seconds")) is not None
            and math.isclose(its.value, own.value)
        ]

    @property
    def arms(self) -> tuple[Entry, ...]:
        """The entries that were trained here."""
        return tuple(entry for entry in self.entries if entry.kind == "arm")

    @property
    def seeds(self) -> tuple[int, int]:
        """The fewest and the most seeds that an arm was trained with."""
        counts = [len(arm.seeds) for arm in self.arms] or [1]
        return min(counts), max(counts)

    @property
    def hosted(self) -> tuple[Entry, ...]:
        """The entries that were trained at a server."""
        return tuple(entry for entry in self.entries if entry.kind == "hosted")

    @property
    def baselines(self) -> tuple[Entry, ...]:
        """The entries to be beaten."""
        return tuple(entry for entry in self.entries if entry.kind == "baseline")

    def metric_title(self, metric: str) -> str:
        """A metric's name as a reader says it, with the class that it is about."""
        return metric_title(metric, self.positive)

    def digits(self, metric: str) -> int:
        """Decimals with which a metric is shown: 3, but for errors in a unit of their own."""
        name = short_name(metric)
        shown = [entry.metrics[name].mean for entry in self.entries if name in entry.metrics]
        if name not in IN_UNITS or not shown:
            return 3
        return digits_of(max((abs(mean) for mean in shown if not math.isnan(mean)), default=0.0))

    def entry(self, name: str) -> Entry:
        """The entry of that name."""
        return next(entry for entry in self.entries if entry.name == name)

    def difference(self, first: str, second: str, metric: str | None = None) -> Difference:
        """`first` minus `second` on `metric` (default: the primary one), whichever way it is kept.

        Raises:
            KeyError: there is no such pair.
        """
        metric = metric or self.primary
        for kept in self.differences:
            if (kept.metric, kept.first, kept.second) == (metric, first, second):
                return kept
            if (kept.metric, kept.first, kept.second) == (metric, second, first):
                turned = {"difference": -kept.difference, "low": -kept.high, "high": -kept.low}
                return kept.model_copy(update={"first": first, "second": second, **turned})
        raise KeyError(f"{first} against {second} on {metric}")

    def verdict(self, first: str, second: str, metric: str | None = None) -> Verdict:
        """What `first` is against `second` by the table's own verdict, all comparisons counted.

        Returns:
            `better`, `worse`, `even` (not distinguishable), or `unknown` where one of the two has
            no figure.

        Raises:
            KeyError: there is no such pair.
        """
        return self.difference(first, second, metric).verdict

    def clears(self, first: str, second: str) -> bool:
        """Whether `first` is better than `second` in the primary metric by their difference's own
        interval: as the one comparison that was planned, which no others are counted with.

        Raises:
            KeyError: there is no such pair.
        """
        gap = self.difference(first, second)
        return gap.high < 0 if lower_is_better(gap.metric) else gap.low > 0
