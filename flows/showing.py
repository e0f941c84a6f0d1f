"""What MLflow's pages show of a sweep: figures under names that every case shares, and a view.

    primary, primary_low, primary_high      the case's primary test metric, with its interval
    thaw.verdict                            what an arm is against the chosen one, by the table

The view is kept with the experiment, where MLflow's page finds it by the key in its address
(`mlflow.sharedViewState.<key>` in MLflow 3.17's `server/js`); `thaw ui` prints that.
"""

import json
import math
from collections.abc import Sequence

from flows.sweep import Sweep
from tasks.config import CaseConfig
from tasks.evaluation.findings import Comparison, Verdict
from tasks.evaluation.outcomes import Outcome
from tasks.tracking import Tracker

VIEW = "thaw"
"""The key of the view."""
COLUMNS = (
    "tags.`thaw.best`",
    "tags.`thaw.verdict`",
    "metrics.`primary`",
    "metrics.`primary_low`",
    "metrics.`primary_high`",
    "metrics.`cost/train_seconds`",
    "metrics.`cost/trainable_share`",
    "params.`strategy`",
    "params.`seed`",
    "attributes.`Duration`",
)
_SAID: dict[Verdict, str] = {
    "better": "better than",
    "worse": "worse than",
    "even": "not distinguishable from",
    "unknown": "not comparable with",
}


def present(tracker: Tracker, experiment_id: str, config: CaseConfig) -> None:
    """Say on the experiment's page what it is, and let it open as training with our columns."""
    about = (
        f"{config.title}\n\nEach row is a sweep of `thaw run {config.case}`; below it are its arms "
        "and baselines. `primary` is "
        f"`{config.evaluation.primary}`, `primary_low` and `primary_high` its interval on the test "
        "part, `thaw.verdict` what the table says. A sweep's artifacts hold "
        "`comparison/report.html`."
    )
    view = json.dumps({"selectedColumns": list(COLUMNS), "compareRunsMode": "TABLE"})
    tracker.present(experiment_id, about, {VIEW: view})


def address_of(server: str, experiment_id: str, run_id: str | None = None) -> str:
    """Where a server's page shows an experiment's view, or one run."""
    page = f"{server}/#/experiments/{experiment_id}/runs"
    return f"{page}/{run_id}" if run_id else f"{page}?viewStateShareKey={VIEW}"


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
