"""Pictures of one arm's predictions on the test part, as SVG bytes."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from tasks.config.base import Task
from tasks.evaluation.drawing import FAINT, INK, PALETTE, clean, to_svg
from tasks.evaluation.metrics import decide
from tasks.evaluation.outcomes import Outcome, read_predictions, thresholds_of
from tasks.evaluation.wording import figure, percent, span
from tasks.kinds.labels.confusion import confusion, reliability_bins

MOST_LABELS = 16  # panels that a page of precision/recall curves still shows legibly
MOST_WRITTEN = 12  # classes up to which a cell of the confusion matrix holds its figures
MOST_NAMED = 40  # classes whose names find place on an axis; of more, some are named
PANELS_A_ROW = 3
# The less of it, the more of the page shows through, be that light or dark.
_SHADES = LinearSegmentedColormap.from_list("shades", [(*to_rgb(PALETTE[0]), a) for a in (0, 1)])


def precision_recall(
    outcome: Outcome,
    labels: Sequence[str],
    task: Task = "multi_label",
    positive: int | None = None,
) -> bytes:
    """Precision over recall on test, a panel a label; the most frequent labels if too many.

    Where a class is the positive one, it is the only panel.
    """
    table = read_predictions(outcome.test)
    answers = decide(task, table.probabilities, thresholds_of(outcome, table))
    support = table.truth.sum(0)
    shown = np.argsort(-support, kind="stable")[:MOST_LABELS]
    if positive is not None:
        shown = np.array([positive])
    columns = min(PANELS_A_ROW, len(shown))
    rows = -(-len(shown) // columns)
    width, height = (2.3, 2.2) if len(shown) > 1 else (4.0, 4.0)  # inches a panel
    figsize = (width * columns + 0.4, height * rows + 0.7)
    picture = Figure(figsize=figsize, layout="constrained")
    for position, label in enumerate(shown):
        axes = clean(picture.add_subplot(rows, columns, position + 1))
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        truth, scores = table.truth[:, label], table.probabilities[:, label]
        if 0 < support[label] < len(truth):
            precision, recall, _ = precision_recall_curve(truth, scores)
            axes.step(recall, precision, where="post", color=PALETTE[0], lw=1.6)
            axes.axhline(truth.mean(), color=FAINT, lw=1, ls=(0, (5, 3)))
            found = answers[:, label]
            hits = int((found & (truth == 1)).sum())
            if found.any():
                point = hits / support[label], hits / found.sum()
                axes.plot(*point, "o", color=PALETTE[1], ms=6, clip_on=False, zorder=3)
            quality = f"AP {figure(average_precision_score(truth, scores), 2)}"
        else:
            quality = "one class only"
        axes.set_title(f"{labels[label]}\n{quality}, {support[label]} positive", fontsize=9)
        axes.tick_params(labelsize=8)
    noun, dot = ("label", "the threshold in use")
    if task == "single_label":
        noun, dot = ("class", "where it is the most probable class")
    some = f", the {len(shown)} most frequent of {len(labels)}"
    picture.suptitle(
        f"{outcome.name} on test{some if 1 < len(shown) < len(labels) else ''}: the dot is {dot}, "
        f"the dashed line the {noun}'s share of the rows",
        fontsize=9,
        color=INK,
        wrap=True,
    )
    picture.supxlabel("recall", fontsize=10, color=INK)
    picture.supylabel("precision", fontsize=10, color=INK)
    return to_svg(picture)


def confusion_matrix(outcome: Outcome, labels: Sequence[str], confidence: float) -> bytes:
    """Counts of true class (rows) against answer, with each count's share of its row.

    Args:
        outcome: the arm.
        labels: names of the classes, in column order.
        confidence: coverage of the intervals of the shares.
    """
    table = read_predictions(outcome.test)
    size = len(labels)
    written = size <= MOST_WRITTEN
    found = confusion(table.truth, table.probabilities, confidence if written else None)
    side = min(1.15 * size, 13) if written else 9
    picture = Figure(figsize=(side + 2.2, side + 1.5), layout="constrained")
    axes = clean(picture.add_subplot())
    axes.grid(visible=False)
    axes.imshow(np.nan_to_num(found.shares), cmap=_SHADES, vmin=0, vmax=1)
    if written:
        for row, column in np.ndindex(size, size):
            share, low, high = (
                float(part[row, column]) for part in (found.shares, found.low, found.high)
            )
            axes.text(
                column,
                row,
                f"{found.counts[row, column]:,}\n{figure(share)}\n{span(low, high)}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share > 0.6 else INK,
            )
    crowded = size > 3 and max(map(len, labels)) > 6
    named = range(0, size, ceil(size / MOST_NAMED))
    names = [labels[place] for place in named]
    axes.set_xticks(named, names, rotation=45 if crowded else 0, fontsize=9)
    axes.set_yticks(named, names, fontsize=9)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    inside = f"rows, their share of the true class, and its {percent(confidence)} interval"
    picture.suptitle(
        f"{outcome.name} on test: {inside if written else 'share of the true class by colour'}",
        fontsize=9,
        color=INK,
        wrap=True,
    )
    return to_svg(picture)


def reliability(
    outcome: Outcome, labels: Sequence[str], confidence: float, positive: int | None = None
) -> bytes:
    """How often what was given a probability came true, over that probability, on test.

    Of the positive class where there is one; else of each text's most probable class.
    """
    table = read_predictions(outcome.test)
    chosen = table.probabilities.argmax(1) if positive is None else positive
    given = table.probabilities[np.arange(len(table.truth)), chosen]
    came_true = table.truth[np.arange(len(table.truth)), chosen]
    bins = reliability_bins(given, came_true, confidence)
    what = "the answer" if positive is None else labels[positive]
    picture = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = clean(picture.add_subplot())
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (5, 3)))
    axes.vlines(bins["given"], bins["low"], bins["high"], color=PALETTE[0], lw=1.5, alpha=0.5)
    axes.plot(bins["given"], bins["share"], "o", color=PALETTE[0], ms=5, clip_on=False)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_xlabel(f"probability given to {what}")
    axes.set_ylabel("share that came true")
    picture.suptitle(
        f"{outcome.name} on test, {len(bins)} groups of rows: on the dashed line probabilities "
        f"mean what they say; bars are {percent(confidence)} intervals",
        fontsize=9,
        color=INK,
        wrap=True,
    )
    return to_svg(picture)
