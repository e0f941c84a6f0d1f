"""The comparison in one paragraph of plain English.

It never calls a difference inside its interval a difference, and says how far the test part
reaches.
"""

from collections.abc import Sequence
from math import isnan
from statistics import median

from tasks.evaluation.findings import Comparison, Difference, Entry
from tasks.evaluation.vqa import QUESTION_ONLY
from tasks.evaluation.wording import (
    figure,
    lower_is_better,
    percent,
    ratio,
    signed,
    signed_span,
)

# An interval wholly within this margin is narrow enough to say "as good as"; a wider one that
# includes zero only says that the two cannot be told apart.
AS_GOOD = 0.03
FEW_ROWS = 300
NAMED = 3  # entries that a sentence lists before it counts the rest


def conclude(comparison: Comparison) -> str:
    """The paragraph: the choice, what equals it, what loses to it, baselines, cautions."""
    sentences = [
        _chosen(comparison),
        *_equals(comparison),
        *_others(comparison),
        *_baseline(comparison),
        *_looking(comparison),
        *_hosted(comparison),
        *_cautions(comparison),
    ]
    return " ".join(sentences)


def _chosen(comparison: Comparison) -> str:
    best = comparison.entry(comparison.best)
    interval = best.metrics[comparison.primary]
    arms = comparison.arms
    kind = "settings" if any(arm.point for arm in arms) else "strategies"
    seeds = f" ({len(best.seeds)} seeds each)" if len(best.seeds) > 1 else ""
    choice = (
        f"{best.name} is the only arm"
        if len(arms) == 1
        else f"Of {len(arms)} {kind}{seeds}, {best.name} is best on validation "
        f"({comparison.metric_title(comparison.select_by)} {figure(best.selection)})"
    )
    return (
        f"{choice}; on test it reaches {comparison.metric_title(comparison.primary)} "
        f"{figure(interval.mean)} ({percent(comparison.confidence)} interval "
        f"{figure(interval.low)} to {figure(interval.high)})."
    )


def _equals(comparison: Comparison) -> list[str]:
    """What matches the best arm, cheapest first."""
    best = comparison.entry(comparison.best)
    equals = [comparison.entry(name) for name in comparison.indistinguishable]
    equals.sort(key=lambda entry: _times(entry, best) or float("inf"))
    close: list[str] = []
    unclear: list[str] = []
    for entry in equals:
        gap = comparison.difference(entry.name, best.name)
        times = _times(entry, best)
        cost = f" at {ratio(times)} its training time" if times is not None else ""
        text = f"{entry.name} ({_gap(gap)}){cost}"
        (close if max(-gap.low, gap.high) <= AS_GOOD else unclear).append(text)
    sentences = []
    if close:
        sentences.append(f"As good as {best.name}: {_listed(close)}.")
    if unclear:
        sentences.append(f"Not distinguishable from {best.name} on test: {_listed(unclear)}.")
    if not equals and len(comparison.arms) > 1:
        sentences.append("No other arm matches it.")
    return sentences


def _others(comparison: Comparison) -> list[str]:
    """The arms that differ from the best one, by the test part's word."""
    names = [
        arm.name
        for arm in comparison.arms
        if arm.name not in (comparison.best, *comparison.indistinguishable)
    ]
    gaps = [comparison.difference(name, comparison.best) for name in names]
    better = [gap for gap in gaps if _gain(gap) > 0]
    worse = sorted((gap for gap in gaps if _gain(gap) < 0), key=_gain, reverse=True)
    sentences = []
    if worse:
        named = [f"{gap.first} ({_gap(gap)})" for gap in worse]
        sentences.append(f"Worse: {_listed(named)}.")
    if better:
        named = [f"{gap.first} ({_gap(gap)})" for gap in better]
        verb = "is" if len(better) == 1 else "are"
        sentences.append(
            f"On test {_listed(named)} {verb} better than {comparison.best}, although validation "
            "did not choose so."
        )
    return sentences


def _baseline(comparison: Comparison) -> list[str]:
    """The best arm against the baseline that validation likes best."""
    known = [
        entry
        for entry in comparison.baselines
        if not isnan(entry.selection + entry.metrics[comparison.primary].mean)
    ]
    if not known:
        return []
    sign = -1 if lower_is_better(comparison.select_by) else 1
    rival = max(known, key=lambda entry: sign * entry.selection)
    gap = comparison.difference(comparison.best, rival.name)
    shown = _gap(gap)
    if not gap.real:
        return [f"It cannot be told apart from the strongest baseline, {rival.name} ({shown})."]
    verb = "beats" if _gain(gap) > 0 else "loses to"
    return [f"It {verb} the strongest baseline, {rival.name} ({shown})."]


def _looking(comparison: Comparison) -> list[str]:
    """Whether answers come from the pictures at all: the best arm against itself without them."""
    if QUESTION_ONLY not in [entry.name for entry in comparison.baselines]:
        return []
    gap = comparison.difference(comparison.best, QUESTION_ONLY)
    if gap.real and _gain(gap) > 0:
        return [f"It uses the pictures: without them it answers worse ({_gap(gap)})."]
    return [
        "It does not use the pictures: the same arm trained without them answers "
        f"{'better' if gap.real else 'as well'} ({_gap(gap)})."
    ]


def _hosted(comparison: Comparison) -> list[str]:
    """Each hosted model against the best arm: told, but never chosen."""
    sentences = []
    for entry in comparison.hosted:
        gap = comparison.difference(entry.name, comparison.best)
        if not gap.real:
            verdict = f"cannot be told apart from {comparison.best}"
        else:
            verdict = f"is {'better' if _gain(gap) > 0 else 'worse'} than {comparison.best}"
        cost = entry.costs.get("dollars")
        price = f" for about ${cost.value:,.2f}" if cost else ""
        sentences.append(
            f"The hosted model {entry.name} {verdict}{price} ({_gap(gap)}); it lies at its server, "
            "so it can be neither packaged nor champion."
        )
    return sentences


def _cautions(comparison: Comparison) -> list[str]:
    sentences = []
    if comparison.test_rows < FEW_ROWS:
        widths = [
            (gap.high - gap.low) / 2
            for gap in comparison.differences
            if gap.metric == comparison.primary and gap.high > gap.low
        ]
        reach = (
            f": a difference of less than about {median(widths):.2f} would not show"
            if widths
            else ""
        )
        sentences.append(f"Caution: there are only {comparison.test_rows} test rows{reach}.")
    seeds = min(len(arm.seeds) for arm in comparison.arms)
    if seeds <= 1:
        sentences.append(
            "Caution: with one seed, the intervals leave out how much a result changes from seed "
            "to seed."
        )
    elif seeds == 2:
        sentences.append("Caution: two seeds say little about how much a result changes.")
    return sentences


def _gain(gap: Difference) -> float:
    """The difference, turned so that more is better."""
    return -gap.difference if lower_is_better(gap.metric) else gap.difference


def _gap(gap: Difference) -> str:
    return f"difference {signed(gap.difference)}, interval {signed_span(gap.low, gap.high)}"


def _times(entry: Entry, best: Entry) -> float | None:
    """Training time as a multiple of the best arm's."""
    own, its = entry.costs.get("train_seconds"), best.costs.get("train_seconds")
    return own.value / its.value if own and its and its.value > 0 else None


def _listed(texts: Sequence[str]) -> str:
    if len(texts) > NAMED:
        texts = [*texts[:NAMED], f"{len(texts) - NAMED} more"]
    if len(texts) == 1:
        return texts[0]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
