"""What more data brings: quality over the number of training rows, as SVG bytes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from tasks.evaluation.drawing import FAINT, clean, colours_of, to_svg
from tasks.evaluation.findings import Comparison, Entry
from tasks.evaluation.labelling import label_right
from tasks.evaluation.wording import figure

SHARE = "training.share"
"""The field by which arms learn from some of the rows."""


def quality_against_rows(comparison: Comparison, rows: Mapping[str, int]) -> bytes | None:
    """The primary test metric over the training rows: a line is a strategy, which learned from
    several shares of them (`training.share`); baselines, which learn from all, are lines across.

    Args:
        comparison: what to show.
        rows: how many rows each arm learned from, by its name.

    Returns:
        An SVG, or None where no strategy learned from several numbers of rows.
    """
    primary, lines = comparison.primary, dict[str, list[Entry]]()
    for arm in comparison.arms:
        if arm.name in rows and not np.isnan(arm.metrics[primary].mean):
            others = {name: value for name, value in arm.point.items() if name != SHARE}
            said = " ".join(f"{name.partition('.')[2]}={value}" for name, value in others.items())
            lines.setdefault(f"{arm.strategy} {said}".strip(), []).append(arm)
    sizes = sorted(
        {rows[arm.name] for arms in lines.values() for arm in arms if SHARE in arm.point}
    )
    if len(sizes) < 2:
        return None
    picture = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = clean(picture.add_subplot())
    ends = []
    for baseline in (entry for entry in comparison.entries if entry.kind == "baseline"):
        if not np.isnan(height := baseline.metrics[primary].mean):
            axes.axhline(height, color=FAINT, lw=1, ls=(0, (5, 3)))
            ends.append((baseline.name, height, FAINT))
    for arms in lines.values():
        arms.sort(key=lambda arm: rows[arm.name])
    ranked = {name: arms[-1].selection for name, arms in lines.items()}
    told = []
    for name, colour in colours_of(ranked, comparison.select_by).items():
        arms = lines[name]
        at, shown = [rows[arm.name] for arm in arms], [arm.metrics[primary] for arm in arms]
        axes.plot(at, [each.mean for each in shown], "o-", color=colour, lw=2, ms=6, zorder=3)
        low, high = [each.low for each in shown], [each.high for each in shown]
        axes.vlines(at, low, high, color=colour, lw=2, alpha=0.4)
        ends.append((name, shown[-1].mean, colour))
        heights = [figure(each.mean, comparison.digits(primary)) for each in shown]
        points = [f"{y} from {x:,}" for x, y in zip(at, heights, strict=True)]
        told.append(f"{name} {', '.join(points)}")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.12)
    title = f"{comparison.metric_title(primary)} (test)"
    axes.set_xlabel("training rows")
    axes.set_ylabel(title)
    label_right(axes, ends)
    return to_svg(picture, f"{title} over training rows: {'; '.join(told)}.")
