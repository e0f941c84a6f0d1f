"""Pictures of a reward model's test pairs, as SVG bytes."""

import pandas as pd
from matplotlib.figure import Figure

from tasks.evaluation.calibration_plot import calibration_panels
from tasks.evaluation.drawing import PALETTE, clean, to_svg
from tasks.evaluation.wording import signed
from tasks.kinds.ranking.figures import answers_of, confidence_of, length_correlation


def draw_pairs(pairs: pd.DataFrame, name: str) -> dict[str, bytes]:
    """The pictures by file name.

    Args:
        pairs: from `breakdown.pairs_of`.
        name: of the arm.
    """
    bins = confidence_of(pairs["margin"].to_numpy())
    return {
        "pair_calibration.svg": calibration_panels(
            {"Sigmoid of the margin": bins},
            f"{name} on test",
            lowest=0.5,
            measure="share of pairs ranked rightly",
        ),
        "reward_by_length.svg": reward_by_length(pairs, name),
    }


def reward_by_length(pairs: pd.DataFrame, name: str) -> bytes:
    """The reward of each answer over its length."""
    answers = answers_of(pairs)
    picture = Figure(figsize=(7.6, 4.3), layout="constrained")
    axes = clean(picture.add_subplot())
    axes.scatter(answers["length"], answers["reward"], s=14, color=PALETTE[0], alpha=0.6, lw=0)
    axes.set_xscale("log")
    axes.set_xlabel("characters of the answer")
    axes.set_ylabel("reward")
    correlation = signed(length_correlation(pairs))
    axes.set_title(f"{name} on test: rank correlation {correlation}", fontsize=9)
    return to_svg(picture)
