"""The comparison's pictures, as SVG bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tasks.evaluation.comparison import by_name
from tasks.evaluation.drawing import FAINT, OTHERS, clean, colours_of, to_svg
from tasks.evaluation.findings import Comparison, Entry
from tasks.evaluation.labelling import label_points, label_right
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.over_rows import quality_against_rows
from tasks.evaluation.wording import amount, figure, lower_is_better, metric_title, short_name

LOSSES = ("train/loss", "val/loss")
CURVES = "learning_curves"
"""The folder of their panels."""
MOST_PANELS = 8


def draw_common(
    comparison: Comparison,
    outcomes: Sequence[Outcome],
    beside: Sequence[str] = LOSSES,
    rows: Mapping[str, int] | None = None,
) -> dict[str, bytes]:
    """The pictures that every kind of case has, by file name, where there is data for them.

    Args:
        comparison: of these outcomes.
        outcomes: arms, with their curves.
        beside: what is drawn over the epochs, beside the metric that selects and the table's.
        rows: how many training rows each arm learned from, by its name.
    """
    wanted = [*beside, comparison.select_by, comparison.primary, *comparison.metrics]
    panels = learning_curves(outcomes, comparison.select_by, wanted, comparison.positive)
    of_all = {
        "quality_against_cost.svg": quality_against_cost(comparison),
        "quality_against_rows.svg": quality_against_rows(comparison, rows or {}),
    }
    return drawn(of_all) | {f"{CURVES}/{name}.svg": panel for name, panel in panels.items()}


def drawn(pictures: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Those of the pictures that there was data for."""
    return {name: picture for name, picture in pictures.items() if picture}


def quality_against_cost(comparison: Comparison) -> bytes | None:
    """The primary test metric of each arm over its training time; the others as lines.

    Entries without a figure (a constant answer has no rank) have no place in it.

    Returns:
        An SVG, or None where no arm has a training time and a figure.
    """
    known = [
        entry
        for entry in comparison.entries
        if not np.isnan(entry.metrics[comparison.primary].mean)
    ]
    arms = [arm for arm in comparison.arms if arm in known and "train_seconds" in arm.costs]
    if not arms:
        return None
    picture = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = clean(picture.add_subplot())
    colours = colours_of({arm.name: arm.selection for arm in arms}, comparison.select_by)
    seconds = [arm.costs["train_seconds"].value for arm in arms]
    if max(seconds) > 10 * min(seconds) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.12)
    else:
        axes.set_xlim(0, max(seconds) * 1.15)
    # A hosted job's seconds are another machine's, and its queue's: no place on this axis.
    flat = [entry for entry in known if entry.kind != "arm"]
    for baseline in flat:
        axes.axhline(baseline.metrics[comparison.primary].mean, color=FAINT, lw=1, ls=(0, (5, 3)))
    points, bars = [], []
    for arm in sorted(arms, key=lambda arm: list(colours).index(arm.name)):
        shown, time = arm.metrics[comparison.primary], arm.costs["train_seconds"].value
        axes.plot([time, time], [shown.low, shown.high], color=colours[arm.name], lw=2, alpha=0.5)
        axes.plot(time, shown.mean, "o", color=colours[arm.name], ms=8, zorder=3)
        name = f"{arm.name} (chosen)" if arm.name == comparison.best else arm.name
        points.append((name, (time, shown.mean), colours[arm.name]))
        bars.append(((time, shown.low), (time, shown.high)))
    best = frontier(comparison, arms)
    axes.plot(
        [arm.costs["train_seconds"].value for arm in best],
        [arm.metrics[comparison.primary].mean for arm in best],
        color=FAINT,
        lw=1.2,
        zorder=1,
    )
    axes.set_xlabel("training time, seconds")
    axes.set_ylabel(f"{comparison.metric_title(comparison.primary)} (test)")
    label_right(
        axes,
        [(entry.name, entry.metrics[comparison.primary].mean, FAINT) for entry in flat],
    )
    for baseline in flat:
        height = baseline.metrics[comparison.primary].mean
        bars.append(((axes.get_xlim()[0], height), (axes.get_xlim()[1], height)))
    label_points(axes, points, bars)
    return to_svg(picture, _told(comparison, arms, flat))


def _told(comparison: Comparison, arms: Sequence[Entry], flat: Sequence[Entry]) -> str:
    """The same in words."""
    primary = comparison.primary

    def level(entry: Entry) -> str:
        return figure(entry.metrics[primary].mean, comparison.digits(primary))

    points = [
        f"{arm.name} {level(arm)} after {amount(arm.costs['train_seconds'].value)} s"
        for arm in arms
    ]
    lines = "; ".join(["", *(f"{entry.name} {level(entry)}" for entry in flat)])
    title = comparison.metric_title(primary)
    return f"{title} on test over training time: {', '.join(points)}{lines}."


def frontier(comparison: Comparison, arms: Sequence[Entry]) -> list[Entry]:
    """The arms that no cheaper one is as good as, cheapest first."""
    sign = -1 if lower_is_better(comparison.primary) else 1
    found: list[Entry] = []
    for arm in sorted(arms, key=lambda arm: arm.costs["train_seconds"].value):
        figure = sign * arm.metrics[comparison.primary].mean
        if not found or figure > sign * found[-1].metrics[comparison.primary].mean:
            found.append(arm)
    return found


def learning_curves(
    outcomes: Sequence[Outcome],
    select_by: str,
    wanted: Sequence[str] = LOSSES,
    positive: str | None = None,
) -> dict[str, bytes]:
    """Metrics over epochs and examples seen, a panel each: a line is an arm, dashed on training
    rows.

    Where there are several seeds each is a thin line and their mean the thick one. A grid with
    more arms than colours shows the best of them in colour and the rest in grey, unnamed.

    Args:
        outcomes: arms, with their curves.
        select_by: by which arms are ordered.
        wanted: metrics in order, with or without their part; a tuned one stands for the plain one,
            which is what epochs are measured by.
        positive: the positive class of a two-class case.

    Returns:
        An SVG by short name for each metric that arms have logged, of `MOST_PANELS` at most.
    """
    arms = by_name([outcome for outcome in outcomes if outcome.kind == "arm"])
    logged = {name for arm in outcomes for point in arm.curve for name in point.metrics}
    names = dict.fromkeys(short_name(each).removesuffix("_tuned") for each in wanted)
    metrics = [name for name in names if {f"val/{name}", f"train/{name}"} & logged]
    colours = colours_of(
        {
            name: float(np.mean([seed.metrics.get(select_by, np.nan) for seed in seeds]))
            for name, seeds in arms.items()
        },
        select_by,
    )
    return {name: _panel(name, arms, colours, positive) for name in metrics[:MOST_PANELS]}


def _panel(
    metric: str,
    arms: Mapping[str, Sequence[Outcome]],
    colours: Mapping[str, str],
    positive: str | None,
) -> bytes:
    """One metric of every arm, the best on top: validation solid, training dashed."""
    width = 2.75 + 0.08 * min(28, max(map(len, arms)))
    picture = Figure(figsize=(width, 2.9), layout="constrained")
    axes = clean(picture.add_subplot())
    ends, seen = [], []
    for name, colour in reversed(list(colours.items())):
        training = _draw_mean(axes, arms[name], f"train/{metric}", colour, dashed=True)
        validation = _draw_mean(axes, arms[name], f"val/{metric}", colour)
        said = [
            f"{figure(value)} on {part}"
            for part, value in (("validation", validation), ("training", training))
            if value is not None
        ]
        height = training if validation is None else validation
        if height is not None and colour != OTHERS:
            ends.append((name, height, colour))
            seen.append(f"{name} ends at {' and '.join(said)}")
    title = metric_title(metric, positive)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _count_examples(axes, arms)
    label_right(axes, ends)
    return to_svg(picture, f"{title} over the epochs: {'; '.join(reversed(seen))}.")


def _draw_mean(
    axes: Axes, seeds: Sequence[Outcome], metric: str, colour: str, dashed: bool = False
) -> float | None:
    """Draw the mean line of an arm's seeds; its last height, None where nothing was logged."""
    lines = [line for line in (_line(seed, metric) for seed in seeds) if line]
    if not lines:
        return None
    style: dict[str, Any] = {"color": colour, "ls": (0, (4, 2)) if dashed else "-"}
    if len(lines) > 1:
        for line in lines:
            axes.plot(list(line), list(line.values()), lw=0.8, alpha=0.4, **style)
    shared = sorted(set.intersection(*map(set, lines)))
    if not shared:
        return None
    means = [float(np.mean([line[epoch] for line in lines])) for epoch in shared]
    dots: dict[str, Any] = {} if dashed and len(shared) > 1 else {"marker": "o", "ms": 3}
    axes.plot(shared, means, lw=1.3 if dashed else 2, **style, **dots)
    return means[-1]


def _count_examples(axes: Axes, arms: Mapping[str, Sequence[Outcome]]) -> None:
    """A second axis above, in examples seen, where an epoch has as many for all arms."""
    rates = [
        point.metrics["train/examples"] / point.epoch
        for seeds in arms.values()
        for seed in seeds
        for point in seed.curve
        if point.epoch and "train/examples" in point.metrics
    ]
    if not rates or max(rates) > 1.01 * min(rates):
        return
    epoch = float(np.median(rates))

    def to_examples(epochs: Any) -> Any:
        return epochs * epoch

    def to_epochs(examples: Any) -> Any:
        return examples / epoch

    above = axes.secondary_xaxis("top", functions=(to_examples, to_epochs))
    above.xaxis.set_major_locator(MaxNLocator(4))
    above.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    above.tick_params(colors=FAINT, labelsize=8)
    above.spines["top"].set_color(FAINT)
    above.set_xlabel("examples seen", fontsize=8, color=FAINT)


def _line(outcome: Outcome, metric: str) -> dict[float, float]:
    """Epoch -> value, for the points of the curve that logged this metric."""
    points = (point for point in outcome.curve if metric in point.metrics)
    return {round(point.epoch, 2): point.metrics[metric] for point in points}
