"""Who stands: the challenger against the floor and the champion, on the same test rows."""

from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.registry.fresh import load_fresh
from tasks.registry.packaging import Packager
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.trainer import higher_is_better


def judge(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether the challenger becomes champion, and why, on the same test rows for all."""
    metric = config.evaluation.primary
    sign = 1 if higher_is_better(metric) else -1
    mine, floor = best.metrics[metric], base_rate.metrics[metric]
    floors = f"{kind.floor_title(base_rate)}'s"
    if sign * (mine - floor) <= 0:
        return False, f"{metric} {mine:.4f} does not beat {floors} {floor:.4f}"
    standing = tracker.alias(name, "champion")
    if standing is None:
        return True, f"{metric} {mine:.4f} beats {floors} {floor:.4f}; no champion stood"
    theirs = champion_figure(tracker, kind, config, best, test, str(standing.version), name)
    if sign * (mine - theirs) <= 0:
        return (
            False,
            f"{metric} {mine:.4f} does not beat champion {standing.version}'s {theirs:.4f}",
        )
    return True, f"{metric} {mine:.4f} beats champion {standing.version}'s {theirs:.4f}"


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
