"""The reliability diagram of a calibrated arm, before and after, as SVG bytes."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from tasks.evaluation.calibration import BINS, ConfidenceBins, confidence_bins, uncalibrated
from tasks.evaluation.drawing import FAINT, INK, PALETTE, clean, to_svg
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.wording import figure


def calibration(outcome: Outcome) -> bytes:
    """Accuracy over confidence on test, in bins of equal width, a panel before and one after.

    The area of a dot is the bin's share of the rows.
    """
    table = read_predictions(outcome.test)
    panels = {
        "as trained": uncalibrated(table.probabilities, outcome.temperature),
        f"divided by {figure(outcome.temperature, 2)}": table.probabilities,
    }
    return calibration_panels(
        {
            f"Logits {name}": confidence_bins(table.truth, probabilities)
            for name, probabilities in panels.items()
        },
        f"{outcome.name} on test",
        lowest=1 / table.truth.shape[1],  # no answer is less probable than that
    )


def calibration_panels(
    panels: Mapping[str, ConfidenceBins],
    name: str,
    lowest: float = 0.0,
    measure: str = "share of right answers",
) -> bytes:
    """Accuracy over confidence, a panel for each.

    Args:
        panels: by what stands above each.
        name: whose answers they are.
        lowest: confidence that there can be.
        measure: what accuracy means here.
    """
    picture = Figure(figsize=(7.6, 4.3), layout="constrained")
    for position, (title, bins) in enumerate(panels.items(), 1):
        axes = clean(picture.add_subplot(1, len(panels), position))
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (5, 3)))
        axes.vlines(bins.confidence, bins.confidence, bins.accuracy, color=PALETTE[1], lw=1.5)
        area = 12 + 300 * bins.rows / bins.rows.sum()
        axes.scatter(bins.confidence, bins.accuracy, s=area, color=PALETTE[0], zorder=3, alpha=0.8)
        axes.set(xlim=(lowest - 0.03, 1.02), ylim=(0, 1.04))
        axes.set_title(f"{title}: calibration error {figure(bins.error)}", fontsize=9)
        axes.set_xlabel("confidence: probability of the answer")
        if position == 1:
            axes.set_ylabel(f"accuracy: {measure}")
    picture.suptitle(
        f"{name}, in {BINS} bins of equal width: on the dashed line an answer is "
        "right as often as its probability says",
        fontsize=9,
        color=INK,
        wrap=True,
    )
    return to_svg(picture)
