"""Who stands: the challenger against the bar and the champion, on the same test rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.evaluation.findings import Verdict
from tasks.evaluation.outcomes import Outcome
from tasks.registry.fresh import load_fresh
from tasks.registry.packaging import Packager, Packaging
from tasks.registry.unseen import LEAST, on, only, unseen_rows
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.trainer import higher_is_better


@dataclass(frozen=True)
class Candidate:
    """What may stand for champion: a trained arm, or a reference that is a model of its own.

    Attributes:
        outcome: its figures and predictions.
        key: by which a registered version of it is known again.
        package: makes all that answering needs (`save`, `predict`, and `spread` where answers are
            numbers with a unit); may take a minute.
        packaging: how MLflow runs that.
        card: Markdown for the version's description.
        classical: it is no transformer, and so no start for training (`stages.py`).
    """

    outcome: Outcome
    key: str
    package: Callable[[], Any]
    packaging: Packaging
    card: str
    classical: bool = False


@dataclass(frozen=True)
class Bar:
    """What an arm has to be better than, whether or not another champion stands.

    Attributes:
        outcome: its figures.
        title: how a verdict calls it.
        verdict: what the arm is against it.
        candidate: the same as something that can stand for champion; None where it cannot.
        trivial: why it may not, where it could: it is not shown to be better than the trivial
            answer.
    """

    outcome: Outcome
    title: str
    verdict: Verdict
    candidate: Candidate | None = None
    trivial: str = ""

    def for_model(self, model: Outcome, metric: str) -> "Bar":
        """With the verdict on the one model that would be registered.

        The table's is on all seeds of an arm: that they are better in their mean does not make a
        champion of one that is not.
        """
        theirs = self.outcome.metrics[metric]
        if self.verdict == "better" and against(model.metrics[metric], theirs, metric) == "worse":
            return replace(self, verdict="even")
        return self


FAILS = {
    "worse": "does not beat {}: it is worse",
    "even": "does not beat {}: it is not shown to be better",
    "unknown": "does not beat {}: one of the two has no figure",
}
"""What a reason says of an arm that is not better than its bar."""


def against(mine: float, other: float, metric: str) -> Verdict:
    """What one figure is against another by its value alone."""
    sign = 1 if higher_is_better(metric) else -1
    return "better" if sign * (mine - other) > 0 else "worse"


def judge(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    best: Outcome,
    bar: Bar,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether the arm becomes champion, and why, on the same test rows for all."""
    metric = config.evaluation.primary
    mine, least = best.metrics[metric], f"{bar.title}'s {bar.outcome.metrics[metric]:.4f}"
    if bar.verdict != "better":
        return False, f"{metric} {mine:.4f} {FAILS[bar.verdict].format(least)}"
    if tracker.alias(name, "champion") is None:
        return True, f"{metric} {mine:.4f} beats {least}; no champion stood"
    return outdoes(tracker, kind, config, best, best, test, name)


def outdoes(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    candidate: Outcome,
    best: Outcome,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether a candidate's figure is better than the standing champion's, and in words.

    A better figure is never worse by a verdict, so no more is asked. Both are taken on test rows
    that neither model learned from or was chosen by, as far as that is known.

    Args:
        tracker: the registry.
        kind: of the case.
        config: the case.
        candidate: the arm, or the reference that stands in its place.
        best: the arm.
        test: the test part.
        name: of the registered model.
    """
    standing, metric = tracker.alias(name, "champion"), config.evaluation.primary
    mine = candidate.metrics[metric]
    if standing is None:
        return True, f"{metric} {mine:.4f}; no champion stood"
    where, split = "", config.split
    new = unseen_rows(standing, test, split.near_duplicates, split.seed)
    if new is not None and not new.all():
        count = int(new.sum())
        if count < LEAST:
            return False, (
                f"champion {standing.version} learned from or was chosen by {test.rows - count} "
                f"of the {test.rows} test rows, and the {count} that neither saw are too few to "
                f"compare ({LEAST} at least): it keeps its place"
            )
        where = f" on the {count} of {test.rows} test rows that neither saw"
        test = only(test, new)
        candidate, best = on(candidate, test), on(best, test)
        mine = kind.figure(candidate, best, config)
    theirs = champion_figure(tracker, kind, config, best, test, str(standing.version), name)
    wins = against(mine, theirs, metric) == "better"
    verb = "beats" if wins else "does not beat"
    return wins, f"{metric} {mine:.4f} {verb} champion {standing.version}'s {theirs:.4f}{where}"


def champion_figure(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    best: Outcome,
    test: TableRef,
    version: str,
    name: str,
) -> float:
    """The standing champion's primary figure on this test part, by the code that it came with.

    Raises:
        ThawError: it cannot be asked.
    """
    try:
        champion = load_fresh(tracker, f"models:/{name}/{version}")
        return kind.champion_figure(champion, best, config, test)
    except Exception as error:  # a model of any origin may fail in any way
        raise ThawError(
            f"The standing champion {name} version {version} cannot be asked ({error}); "
            "move the alias `champion` off it and run again."
        ) from error
