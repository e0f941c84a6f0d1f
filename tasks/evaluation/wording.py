"""How figures and metric names read: alike in the terminal, in Markdown, on the page, in plots."""

import math

MISSING = "–"
NOT_ESTIMABLE = "not estimable"

_NAMES = {
    "roc_auc_hard_labels": "ROC-AUC on hard labels",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "explained variance (R2)",
    "spearman": "rank correlation (Spearman)",
    "mae_expected": "mean absolute error of the expected label",
    "off_by_one": "at most one off",
    "good_bad": "good or bad",
    "top_or_rest": "highest label or not",
    "ece": "calibration error",
    "stops": "share that stops",
    "parses": "share that parses",
    "whole_text_loss": "loss of the whole text",
    "distinct_1": "different words",
    "distinct_2": "different pairs of words",
    "repetition_4": "repeated runs of 4 words",
    "words": "words an answer",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "similarity": "embedding similarity",
    "tokens": "tokens an answer",
    "kl": "KL from the start, nats",
    "overlap": "words taken from the prompt",
    "greedy_reward": "reward of the greedy answer",
    "greedy_repetition_4": "repeated runs of 4 words in the greedy answer",
    "pair_accuracy": "pairs ranked rightly",
    "pair_accuracy_matched": "of like length",
    "margin": "mean margin",
    "vqa_accuracy": "VQA accuracy",
    "yes_no": "of yes/no questions",
    "number": "of counting questions",
    "other": "of other questions",
}
_FAMILIES = {
    "f1": "F1",
    "jaccard": "Jaccard",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "Hamming loss",
    "loss": "loss",
}
_AVERAGES = ("micro", "macro", "samples", "weighted")
_OF_ONE_CLASS = ("precision", "recall", "f1", "average_precision")


def short_name(metric: str) -> str:
    """A metric's name without its part: `test/f1_micro` is `f1_micro`."""
    return metric.rpartition("/")[2]


def metric_title(metric: str, positive: str | None = None) -> str:
    """A metric's name as a reader says it: `test/f1_micro_tuned` is `F1 micro (tuned)`.

    Args:
        metric: with or without its part.
        positive: the positive class of a two-class case; `f1` is then `F1 of spam`.
    """
    name = short_name(metric)
    if positive is not None and name in _OF_ONE_CLASS:
        return f"{metric_title(name)} of {positive}"
    if name in _NAMES:
        return _NAMES[name]
    base = name.removesuffix("_tuned")
    average = next((word for word in _AVERAGES if base.endswith(f"_{word}")), "")
    family = base.removesuffix(f"_{average}") if average else base
    words = " ".join(filter(None, [_FAMILIES.get(family, family.replace("_", " ")), average]))
    return f"{words} (tuned)" if name.endswith("_tuned") else words


def lower_is_better(metric: str) -> bool:
    """Whether a smaller figure is the better one: losses, Hamming's among them, and errors."""
    name = short_name(metric).removesuffix("_tuned")
    falling = name.endswith(("loss", "error", "brier", "perplexity"))
    return falling or name.split("_")[0] in ("mae", "rmse", "ece")


def figure(value: float | None, digits: int = 3) -> str:
    """A figure with a fixed number of decimals, or a dash where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{round(value, digits) + 0.0:.{digits}f}"


def digits_of(size: float) -> int:
    """Decimals of figures of up to that size, in whatever unit: 3 from 0.1 to 10, fewer above,
    none from 1000 on; below, as many as three digits take."""
    if not 0 < size < math.inf:
        return 3
    place = math.floor(math.log10(size))
    return max(0, 3 - max(0, place)) if size >= 0.1 else 2 - place


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def span(low: float, high: float, digits: int = 3) -> str:
    """An interval of figures: `0.531–0.574`; a dash where there is none."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    return f"{figure(low, digits)}–{figure(high, digits)}"


def signed_span(low: float, high: float, digits: int = 3) -> str:
    """An interval of differences: `-0.020 to +0.010`."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    return f"{signed(low, digits)} to {signed(high, digits)}"


def amount(value: float | None) -> str:
    """A count or quantity to three digits: `22.7 M`, `1,850`, `0.83`."""
    if value is None or math.isnan(value):
        return MISSING
    for unit, size in (("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(value: float | None) -> str:
    """How many times the reference: `0.41x`."""
    if value is None or math.isnan(value):
        return MISSING
    if value >= 10:
        return f"{value:,.0f}x"
    return f"{value:.2f}x" if value >= 0.1 else f"{value:.2g}x"


def plain(value: float) -> str:
    """A number in its own unit, to four digits: `71.43`, `12,346`, `1.2e-05`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def share(value: float | None) -> str:
    """A share as a percentage: `0.05%`, `100%`."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{100 * value:.3g}%"


def over_seeds(seeds: int) -> str:
    """How far a verdict goes, behind it: ` on this seed`, ` over these 3 seeds`."""
    return f" over these {seeds} seeds" if seeds > 1 else " on this seed"


def limits(mean: float, low: float, high: float, digits: int = 3) -> str:
    """The interval of a figure, or that there is none although there is a figure."""
    if math.isnan(low) and not math.isnan(mean):
        return NOT_ESTIMABLE
    return span(low, high, digits)


def percent(confidence: float) -> str:
    """A coverage as it is written in a sentence: `95%`."""
    return f"{100 * confidence:g}%"
