"""The comparison in plain English: first what to do, then the evidence as a short list.

The first line is for a tired person: what to train, at what cost, against what; or what to use
instead. It and every line below say of two entries only what the table says of them: better, worse,
or not distinguishable (`Difference.verdict`).
"""

from collections.abc import Sequence
from math import isclose, isnan
from statistics import median

from tasks.evaluation.findings import Comparison, Difference, Entry
from tasks.evaluation.numeric import IN_UNITS
from tasks.evaluation.wording import (
    NOT_ESTIMABLE,
    amount,
    figure,
    lower_is_better,
    over_seeds,
    percent,
    ratio,
    signed,
    signed_span,
)

# An interval wholly within this margin is narrow enough to say "as good as"; a wider one that
# includes zero only says that the two cannot be told apart. Of errors that have a unit of their own
# it is this share of the best arm's.
AS_GOOD = 0.03
FEW_ROWS = 300
NAMED = 3  # entries that a sentence lists before it counts the rest


def conclude(comparison: Comparison) -> str:
    """What to do, and in the lines below, each after a dash, why."""
    evidence = [
        _chosen(comparison),
        *_equals(comparison),
        *_others(comparison),
        *_references(comparison),
        *_hosted(comparison),
        *(f"{arm.title} is left out: {arm.reason}" for arm in comparison.left_out),
        *_cautions(comparison),
    ]
    return "\n".join([_advice(comparison), *(f"- {line}" for line in evidence)])


def strongest_reference(comparison: Comparison) -> Entry | None:
    """The baseline that validation likes best, of those that have figures; None without any."""
    known = [
        entry
        for entry in comparison.baselines
        if not isnan(entry.selection + entry.metrics[comparison.primary].mean)
    ]
    sign = -1 if lower_is_better(comparison.select_by) else 1
    return max(known, key=lambda entry: sign * entry.selection, default=None)


def _advice(comparison: Comparison) -> str:
    """The first sentence."""
    best, reference = comparison.entry(comparison.best), strongest_reference(comparison)
    metric = comparison.metric_title(comparison.primary)
    better = _with_verdict(comparison, comparison.baselines, "better")
    if better:
        instead = reference if reference in better else better[0]
        gap = comparison.difference(instead.name, best.name)
        return (
            f"Use {instead.name} instead of these models: on test it is better than {best.name}, "
            f"the arm that validation chose, {_both(comparison, gap)} in {metric}"
            f"{_scope(gap)}."
        )
    if reference and comparison.verdict(best.name, reference.name) == "even":
        gap = comparison.difference(best.name, reference.name)
        if not any(_clears_floor(comparison, entry) for entry in (reference, best)):
            floor = comparison.entry(comparison.floor)
            return (
                f"Trust none of these models yet: {best.name}, the arm that validation chose, is "
                f"not shown to be better than {reference.name}, {_both(comparison, gap)} in "
                f"{metric}{_scope(gap)}, and neither is shown to be better than {floor.name} "
                f"({_shown(comparison, floor.metrics[comparison.primary].mean)})."
            )
        return (
            f"Keep to {reference.name} for now: {best.name}, the arm that validation chose, is not "
            f"shown to be better than it, {_both(comparison, gap)} in {metric}"
            f"{_scope(gap)}."
        )
    arms = [arm for arm in comparison.arms if arm.name != best.name]
    rivals = _with_verdict(comparison, arms, "better")
    if rivals:
        gap = comparison.difference(rivals[0].name, best.name)
        return (
            f"Do not settle yet: validation chose {best.name}, but on test {rivals[0].name} is "
            f"better, {_both(comparison, gap)} in {metric}{_scope(gap)}; decide with "
            "more validation rows or more seeds."
        )
    cheap = _cheaper(comparison, reference)
    if cheap:
        gap = comparison.difference(cheap.name, best.name)
        return (
            f"Train {cheap.name}: it is as good as {best.name}, which validation chose, at "
            f"{_time(comparison, cheap)}, {_both(comparison, gap)} in {metric}"
            f"{_scope(gap)}{_against(comparison, cheap, reference, gap.seeds)}."
        )
    reached = f"{metric} {_shown(comparison, best.metrics[comparison.primary].mean)} on test"
    if not arms:
        why = "the only arm"
    elif all(comparison.verdict(arm.name, best.name) == "worse" for arm in arms):
        fewest = min(_to_best(comparison, arm).seeds for arm in arms)
        scope = over_seeds(fewest) if fewest < len(best.seeds) else ""
        why = f"better than every other arm{scope}"
    else:
        why = "the arm that validation chose, and none is shown to be better"
    seconds = best.costs.get("train_seconds")
    cost = f" after {amount(seconds.value)} seconds of training" if seconds else ""
    seeds = over_seeds(len(best.seeds)) if arms or reference else ""
    against = _against(comparison, best, reference, len(best.seeds))
    return f"Train {best.name}: {why}, {reached}{cost}{seeds}{against}."


def _clears_floor(comparison: Comparison, entry: Entry) -> bool:
    """Whether an entry is better than the trivial answer, or is that itself, or none is known."""
    return comparison.floor in ("", entry.name) or comparison.clears(entry.name, comparison.floor)


def _against(comparison: Comparison, entry: Entry, reference: Entry | None, seeds: int) -> str:
    """The end of the first sentence: what the entry is better than, and what it may not be.

    Args:
        comparison: the table.
        entry: what the sentence says to train.
        reference: the one that is strongest on validation.
        seeds: over which the sentence speaks so far.
    """
    if reference is None:
        return "; there is no reference to beat"
    gap = comparison.difference(entry.name, reference.name)
    if gap.verdict != "better":
        return ""
    mean = reference.metrics[comparison.primary].mean
    scope = _scope(gap) if gap.seeds != seeds else ""
    even = [
        f"{other.name} ({_shown(comparison, other.metrics[comparison.primary].mean)})"
        for other in comparison.baselines
        if comparison.verdict(entry.name, other.name) == "even"
    ]
    but = f", but not shown to be better than {_listed(even)}" if even else ""
    return f"; better than {reference.name} ({_shown(comparison, mean)}){scope}{but}"


def _cheaper(comparison: Comparison, reference: Entry | None) -> Entry | None:
    """The cheapest arm that is as good as the best one, and no less better than the reference."""
    best = comparison.entry(comparison.best)
    good = [
        entry
        for name in comparison.indistinguishable
        if _as_good(comparison, (entry := comparison.entry(name)))
        and (times := _times(entry, best)) is not None
        and max(times) < 1
        and (not reference or comparison.verdict(name, reference.name) == "better")
    ]
    return min(good, key=lambda entry: max(_times(entry, best) or (1.0,)), default=None)


def _chosen(comparison: Comparison) -> str:
    best = comparison.entry(comparison.best)
    interval = best.metrics[comparison.primary]
    arms = comparison.arms
    kind = "settings" if any(arm.point for arm in arms) else "strategies"
    fewest, most = comparison.seeds
    seeds = f" ({most} seeds each)" if most > 1 else ""
    if fewest < most:
        seeds = f" ({fewest} to {most} seeds each)"
    choice = (
        f"{best.name} is the only arm"
        if len(arms) == 1
        else f"Of {len(arms)} {kind}{seeds}, {best.name} is best on validation "
        f"({comparison.metric_title(comparison.select_by)} "
        f"{figure(best.selection, comparison.digits(comparison.select_by))})"
    )
    reach = (
        f"{percent(comparison.confidence)} interval {_shown(comparison, interval.low)} to "
        f"{_shown(comparison, interval.high)}"
    )
    if not interval.estimable:
        reach = "its interval is not estimable: a label has too few test rows"
    return (
        f"{choice}; on test it reaches {comparison.metric_title(comparison.primary)} "
        f"{_shown(comparison, interval.mean)} ({reach})."
    )


def _equals(comparison: Comparison) -> list[str]:
    """What is not told apart from the best arm, cheapest first."""
    best = comparison.entry(comparison.best)
    equals = [comparison.entry(name) for name in comparison.indistinguishable]
    equals.sort(key=lambda entry: max(_times(entry, best) or (float("inf"),)))
    close: list[str] = []
    unclear: list[str] = []
    for entry in equals:
        gap = comparison.difference(entry.name, best.name)
        cost = f" at {_time(comparison, entry)}" if _times(entry, best) else ""
        group = close if _as_good(comparison, entry) else unclear
        group.append(f"{entry.name} ({_told(comparison, gap)}){cost}")
    sentences = []
    if close:
        sentences.append(f"As good as {best.name}: {_listed(close)}.")
    if unclear:
        sentences.append(f"Not distinguishable from {best.name} on test: {_listed(unclear)}.")
    return sentences


def _others(comparison: Comparison) -> list[str]:
    """The arms that differ from the best one, by the test part's word."""
    arms = [arm for arm in comparison.arms if arm.name != comparison.best]
    sentences = []
    worse = [_to_best(comparison, arm) for arm in _with_verdict(comparison, arms, "worse")]
    if worse:
        worse.sort(key=_gain, reverse=True)
        named = [f"{gap.first} ({_told(comparison, gap)})" for gap in worse]
        sentences.append(f"Worse: {_listed(named)}.")
    better = [_to_best(comparison, arm) for arm in _with_verdict(comparison, arms, "better")]
    if better:
        named = [f"{gap.first} ({_told(comparison, gap)})" for gap in better]
        verb = "is" if len(better) == 1 else "are"
        sentences.append(
            f"On test {_listed(named)} {verb} better than {comparison.best}, although validation "
            "did not choose so."
        )
    return sentences


def _references(comparison: Comparison) -> list[str]:
    """The best arm against the baseline that is strongest on validation, and any other that it is
    not better than."""
    reference = strongest_reference(comparison)
    if reference is None:
        return []
    verbs = {"better": "beats", "worse": "loses to", "even": "cannot be told apart from"}
    gap = comparison.difference(comparison.best, reference.name)
    against = f"{reference.name} ({_told(comparison, gap)})"
    sentences = [f"It {verbs[gap.verdict]} the strongest baseline on validation, {against}."]
    others = [entry for entry in comparison.baselines if entry is not reference]
    even = [
        f"{entry.name} ({_told(comparison, comparison.difference(comparison.best, entry.name))})"
        for entry in _with_verdict(comparison, others, "even")
    ]
    if even:
        sentences.append(f"Nor is it shown to be better than {_listed(even)}.")
    for entry in _with_verdict(comparison, comparison.baselines, "better"):
        if entry is not reference:
            gap = comparison.difference(comparison.best, entry.name)
            sentences.append(
                f"It loses to the baseline {entry.name}, too ({_told(comparison, gap)})."
            )
    return sentences


def _hosted(comparison: Comparison) -> list[str]:
    """Each hosted model against the best arm: told, but never chosen."""
    sentences = []
    for entry in comparison.hosted:
        gap = comparison.difference(entry.name, comparison.best)
        verdict = (
            f"is {gap.verdict} than {comparison.best}"
            if gap.verdict in ("better", "worse")
            else f"cannot be told apart from {comparison.best}"
        )
        cost = entry.costs.get("dollars")
        price = f" for about ${cost.value:,.2f}" if cost else ""
        sentences.append(
            f"The hosted model {entry.name} {verdict}{price} ({_told(comparison, gap)}); it lies "
            "at its server, so it can be neither packaged nor champion."
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
        digits = max(0, comparison.digits(comparison.primary) - 1)
        reach = (
            f": a difference of less than about {figure(median(widths), digits)} would not show"
            if widths
            else ""
        )
        sentences.append(f"Caution: there are only {comparison.test_rows} test rows{reach}.")
    seeds, most = comparison.seeds
    if seeds <= 1 < most:
        alone = _listed([arm.name for arm in comparison.arms if len(arm.seeds) <= 1])
        sentences.append(
            f"Caution: {alone}: one seed alone. What is said of it leaves out how much a result "
            "changes from seed to seed, and verdicts about it are on this seed."
        )
    elif seeds <= 1:
        sentences.append(
            "Caution: with one seed, the intervals leave out how much a result changes from seed "
            "to seed, and every verdict is one on this seed."
        )
    elif seeds == 2:
        sentences.append("Caution: two seeds say little about how much a result changes.")
    return sentences


def _with_verdict(comparison: Comparison, entries: Sequence[Entry], verdict: str) -> list[Entry]:
    """Those that the table calls `verdict` against the best arm, the furthest first."""
    found = [
        entry for entry in entries if comparison.verdict(entry.name, comparison.best) == verdict
    ]
    return sorted(found, key=lambda entry: -abs(_to_best(comparison, entry).difference))


def _to_best(comparison: Comparison, entry: Entry) -> Difference:
    return comparison.difference(entry.name, comparison.best)


def _as_good(comparison: Comparison, entry: Entry) -> bool:
    """Whether an arm's distance from the best one has so narrow an interval that the two serve
    alike; False where it is not known."""
    gap, best = _to_best(comparison, entry), comparison.entry(comparison.best)
    unit = best.metrics[gap.metric].mean if gap.metric in IN_UNITS else 1.0
    return max(-gap.low, gap.high) <= AS_GOOD * unit


def _gain(gap: Difference) -> float:
    """The difference, turned so that more is better."""
    return -gap.difference if lower_is_better(gap.metric) else gap.difference


def told(gap: Difference, digits: int = 3) -> str:
    """A difference with its interval."""
    interval = signed_span(gap.low, gap.high, digits)
    if isnan(gap.low) and not isnan(gap.difference):
        interval = NOT_ESTIMABLE
    return f"difference {signed(gap.difference, digits)}, interval {interval}"


def _both(comparison: Comparison, gap: Difference) -> str:
    """Two figures; their difference alone where figures over all seeds of each say another one
    than the seeds that both have."""
    one, two = (
        comparison.entry(name).metrics[comparison.primary].mean for name in (gap.first, gap.second)
    )
    if not isclose(one - two, gap.difference, rel_tol=1e-6, abs_tol=1e-9):
        return f"a difference of {signed(gap.difference, comparison.digits(comparison.primary))}"
    return f"{_shown(comparison, one)} against {_shown(comparison, two)}"


def _shown(comparison: Comparison, value: float) -> str:
    """A figure of the primary metric."""
    return figure(value, comparison.digits(comparison.primary))


def _told(comparison: Comparison, gap: Difference) -> str:
    fewest, most = comparison.seeds
    scope = f",{_scope(gap)}" if fewest < most else ""
    return told(gap, comparison.digits(gap.metric)) + scope


def _scope(gap: Difference) -> str:
    return over_seeds(gap.seeds)


def _times(entry: Entry, best: Entry) -> tuple[float, ...] | None:
    """Training time as a multiple of the best arm's, alone and with the trunk's passes of both."""
    found = []
    for cost in ("train_seconds", "seconds_with_trunk"):
        own, its = entry.costs.get(cost), best.costs.get(cost)
        if own and its and its.value > 0:
            found.append(own.value / its.value)
    return tuple(found) or None


def _time(comparison: Comparison, entry: Entry) -> str:
    """`0.25x its training time (0.40x with the trunk's pass, which head uses too)`."""
    times = _times(entry, comparison.entry(comparison.best)) or ()
    alone = f"{ratio(times[0])} its training time"
    if len(times) < 2 or "trunk_seconds" not in entry.costs:
        return alone
    others = comparison.sharing_trunk(entry)
    uses = "uses" if len(others) == 1 else "use"
    also = f", which {_listed(others)} {uses} too" if others else ""
    return f"{alone} ({ratio(times[1])} with the trunk's pass{also})"


def _listed(texts: Sequence[str]) -> str:
    if len(texts) > NAMED:
        texts = [*texts[:NAMED], f"{len(texts) - NAMED} more"]
    if len(texts) == 1:
        return texts[0]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
