"""Summaries that two classifiers reward: neutral in tone, and grammatical.

    thaw run acceptability && thaw run reviews      train and register the two
    thaw run summaries
    thaw run summaries -o data.path=articles.csv -o data.columns.text=body

The report has each reward before and after with a paired test, the length of the summaries and how
much of them stands in the article, and the texts side by side.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.reinforced import run_policy
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="summaries", flow_run_name="summaries-{profile}", validate_parameters=True)
def summaries(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on the two rewards and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's models and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("summaries", profile, as_mapping(overrides))
    return run_policy(config, force)
