"""What MLflow's pages show of a sweep: figures under names that every case shares.

primary, primary_low, primary_high      the case's primary test metric, with its interval
thaw.verdict                            what an arm is against the chosen one, by the table
"""

import math
from collections.abc import Sequence

from flows.sweep import Sweep
from tasks.evaluation.findings import Comparison, Verdict
from tasks.evaluation.outcomes import Outcome

_SAID: dict[Verdict, str] = {
    "better": "better than",
    "worse": "worse than",
    "even": "not distinguishable from",
    "unknown": "not comparable with",
}


def show_verdicts(comparison: Comparison, outcomes: Sequence[Outcome], sweep: Sweep) -> None:
    """Log on each run that is in the table what the table says of it."""
    for outcome in outcomes:
        if not outcome.run_id:
            continue
        figures = primary_figures(comparison, outcome.name)
        sweep.tracker.log_metrics(outcome.run_id, figures)
        said = {"thaw.verdict": verdict_of(comparison, outcome.name)}
        sweep.tracker.set_tags(outcome.run_id, said)


def primary_figures(comparison: Comparison, name: str) -> dict[str, float]:
    """An entry's primary metric and its interval, as far as there are any."""
    found = comparison.entry(name).metrics.get(comparison.primary)
    if found is None:
        return {}
    figures = {"primary": found.mean, "primary_low": found.low, "primary_high": found.high}
    return {key: value for key, value in figures.items() if not math.isnan(value)}


def verdict_of(comparison: Comparison, name: str) -> str:
    """What the table says of an entry, in a few words."""
    if name == comparison.best:
        return "chosen on validation"
    try:
        return f"{_SAID[comparison.verdict(name, comparison.best)]} {comparison.best}"
    except KeyError:
        return f"{_SAID['unknown']} {comparison.best}"
