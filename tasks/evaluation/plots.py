"""The comparison's pictures, as PNG bytes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tasks.evaluation.comparison import by_name
from tasks.evaluation.drawing import FAINT, OTHERS, PALETTE, clean, to_png
from tasks.evaluation.findings import Comparison, Entry
from tasks.evaluation.labelling import label_points, label_right
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.wording import amount, lower_is_better, metric_title

LOSSES = ("train/loss", "val/loss")


def draw_common(
    comparison: Comparison, outcomes: Sequence[Outcome], beside: Sequence[str] = LOSSES
) -> dict[str, bytes]:
    """The pictures that every kind of case has, by file name, where there is data for them.

    Args:
        comparison: of these outcomes.
        outcomes: arms, with their curves.
        beside: what is drawn over the epochs, beside the metric that selects.
    """
    return drawn(
        {
            "quality_against_cost.png": quality_against_cost(comparison),
            "learning_curves.png": learning_curves(outcomes, comparison.select_by, beside),
        }
    )


def drawn(pictures: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Those of the pictures that there was data for."""
    return {name: picture for name, picture in pictures.items() if picture}


def quality_against_cost(comparison: Comparison) -> bytes | None:
    """The primary test metric of each arm over its training time; the others as lines.

    Entries without a figure (a constant answer has no rank) have no place in it.

    Returns:
        A PNG, or None where no arm has a training time and a figure.
    """
    known = [
        entry
        for entry in comparison.entries
        if not np.isnan(entry.metrics[comparison.primary].mean)
    ]
    arms = [arm for arm in comparison.arms if arm in known and "train_seconds" in arm.costs]
    if not arms:
        return None
    picture = Figure(figsize=(8.4, 4.8), layout="constrained")
    axes = clean(picture.add_subplot())
    colours = _colours({arm.name: arm.selection for arm in arms}, comparison.select_by)
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
    return to_png(picture)


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
    outcomes: Sequence[Outcome], select_by: str, beside: Sequence[str] = LOSSES
) -> bytes | None:
    """Training loss, validation loss (or what is named) and the selecting metric over epochs.
    A line is an arm.

    Where there are several seeds each is a thin line and their mean the thick one. A grid with
    more arms than colours shows the best of them in colour and the rest in grey, unnamed.

    Returns:
        A PNG, or None where no arm has logged any of them.
    """
    arms = by_name([outcome for outcome in outcomes if outcome.kind == "arm"])
    logged = {name for arm in outcomes for point in arm.curve for name in point.metrics}
    metrics = [m for m in dict.fromkeys([*beside, select_by]) if m in logged]
    if not metrics:
        return None
    colours = _colours(
        {
            name: float(np.mean([seed.metrics.get(select_by, np.nan) for seed in seeds]))
            for name, seeds in arms.items()
        },
        select_by,
    )
    longest = max(map(len, arms))
    everywhere = longest <= 16  # longer names would take more room than the curves
    width = 2.9 * len(metrics) + 0.08 * longest * (len(metrics) if everywhere else 1)
    picture = Figure(figsize=(width, 3.6), layout="constrained")
    for position, metric in enumerate(metrics):
        axes = clean(picture.add_subplot(1, len(metrics), position + 1))
        ends = _draw_curves(axes, arms, metric, colours)
        part, words = metric.split("/")[0], metric_title(metric)
        axes.set_title(f"{'training' if part == 'train' else 'validation'} {words}", fontsize=10)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if everywhere or position == len(metrics) - 1:
            label_right(axes, ends)
    return to_png(picture)


def _draw_curves(
    axes: Axes, arms: Mapping[str, Sequence[Outcome]], metric: str, colours: Mapping[str, str]
) -> list[tuple[str, float, str]]:
    """Draw one metric of every arm, the best on top; name, last height and colour of each line."""
    ends = []
    for name, colour in reversed(list(colours.items())):
        lines = [line for line in (_line(seed, metric) for seed in arms[name]) if line]
        if not lines:
            continue
        if len(lines) > 1:
            for line in lines:
                axes.plot(list(line), list(line.values()), color=colour, lw=0.8, alpha=0.4)
        shared = sorted(set.intersection(*map(set, lines)))
        means = [float(np.mean([line[epoch] for line in lines])) for epoch in shared]
        axes.plot(shared, means, color=colour, lw=2, marker="o", ms=3)
        if means and colour != OTHERS:
            ends.append((name, means[-1], colour))
    return ends


def _line(outcome: Outcome, metric: str) -> dict[float, float]:
    """Epoch -> value, for the points of the curve that logged this metric."""
    points = (point for point in outcome.curve if metric in point.metrics)
    return {round(point.epoch, 2): point.metrics[metric] for point in points}


def _colours(selection: Mapping[str, float], select_by: str) -> dict[str, str]:
    """Arms, best on validation first, with a colour each; those beyond the palette are grey."""
    sign = 1 if lower_is_better(select_by) else -1
    order = sorted(selection, key=lambda name: np.nan_to_num(sign * selection[name], nan=np.inf))
    return {name: PALETTE[i] if i < len(PALETTE) else OTHERS for i, name in enumerate(order)}
