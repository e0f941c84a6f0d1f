"""What answers cost over time: the model trained here beside hosted ones, as SVG bytes.

A line starts at what was paid before the first answer and rises by what each one costs. Here that
is the seconds of training, and of one answer at a time, at the price of the machine's hour; at a
server it is its price of tokens. A machine that waits costs nothing here, which is true of one that
does other work meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tasks.config.costs import CostsConfig
from tasks.evaluation.drawing import FAINT, PALETTE, clean, to_svg
from tasks.evaluation.labelling import label_right
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.wording import amount

FAR = 1_000_000
"""Answers that the picture spans where lines never meet."""


@dataclass(frozen=True)
class Bill:
    """What one model costs.

    Attributes:
        name: of the model.
        first: paid before the first answer.
        each: paid for every answer.
    """

    name: str
    first: float
    each: float

    def even_with(self, other: "Bill") -> float | None:
        """After how many answers this one, which costs more at first, has come to the same; None
        where it never has."""
        saved = other.each - self.each
        return max(0.0, (self.first - other.first) / saved) if saved > 0 else None


def bills(
    costs: CostsConfig, best: Outcome, seconds_an_answer: float, outcomes: Sequence[Outcome]
) -> list[Bill]:
    """The chosen arm's, then those of hosted models; none without prices.

    Args:
        costs: prices.
        best: the chosen arm.
        seconds_an_answer: of its package, one row at a time.
        outcomes: of the sweep: an arm that was trained at a server knows its own prices.
    """
    if costs.machine_hour is None:
        return []
    trained = best.metrics["cost/train_seconds"] + best.metrics.get("cost/trunk_seconds", 0.0)
    second = costs.machine_hour / 3600
    found = [Bill(best.name, trained * second, seconds_an_answer * second)]
    if costs.input_tokens is not None and costs.prompt_tokens is not None:
        tokens = costs.input_tokens * costs.prompt_tokens
        found.append(
            Bill("hosted model", 0.0, (tokens + costs.output_tokens * costs.answer_tokens) / 1e6)
        )
    for outcome in outcomes:
        if outcome.kind == "hosted" and "cost/predict_dollars" in outcome.metrics:
            asked = outcome.validation.rows + outcome.test.rows
            training, asking = (
                outcome.metrics[f"cost/{of}_dollars"] for of in ("train", "predict")
            )
            found.append(Bill(outcome.name, training, asking / asked))
    return found if len(found) > 1 else []


def bill_figures(found: Sequence[Bill]) -> dict[str, float]:
    """Prices of an answer, and after how many the model here has come to less than the first
    hosted one, where it ever does."""
    own, other = found[0], found[1]
    figures = {"bill/answer": own.each, "bill/before": own.first, "bill/hosted_answer": other.each}
    even = own.even_with(other)
    return figures if even is None else figures | {"bill/even_after": even}


def told_bills(found: Sequence[Bill], currency: str) -> str:
    """The same as sentences."""
    own, lines = found[0], []
    for other in found[1:]:
        even = own.even_with(other)
        here = f"{currency}{amount(1000 * own.each)} here"
        prices = f"a thousand answers cost {here}, {currency}{amount(1000 * other.each)} there"
        if even is None:
            lines.append(f"{other.name} stays below {own.name}: {prices}.")
        else:
            after = f"from {np.ceil(even):,.0f} answers on" if even else "from the first answer on"
            lines.append(f"{own.name} costs less than {other.name} {after}: {prices}.")
    return " ".join(lines)


def draw_bills(found: Sequence[Bill], costs: CostsConfig) -> bytes:
    """The sum paid over the number of answers, a line a model."""
    own = found[0]
    evens = [even for other in found[1:] if (even := own.even_with(other))]
    upto = costs.predictions or (2 * int(np.ceil(max(evens))) if evens else FAR)
    picture = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = clean(picture.add_subplot())
    ends = []
    for bill, colour in zip(found, (*PALETTE, *[FAINT] * len(found)), strict=False):
        sums = [bill.first, bill.first + bill.each * upto]
        axes.plot([0, upto], sums, color=colour, lw=2)
        ends.append((bill.name, sums[1], colour))
    for other in found[1:]:
        even = own.even_with(other)
        if even and even <= upto:
            axes.plot(even, own.first + own.each * even, "o", color=FAINT, ms=6, zorder=3)
    axes.set_xlim(0, upto)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{costs.currency}{value:,g}"))
    axes.set_xlabel("answers")
    axes.set_ylabel("paid in all")
    label_right(axes, ends)
    return to_svg(picture, f"What answers cost: {told_bills(found, costs.currency)}")
