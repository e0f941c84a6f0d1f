"""Grammatical or not: the small case whose champion rewards clean sentences in `summaries`.

    thaw run acceptability
    thaw run acceptability -o strategies=[full,head] -o seeds=[1,2,3]
    thaw predict acceptability "The results of the survey shows that mornings are liked."

A corrupted sentence and the clean one it came from stay in one part.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from flows.supervised import run_case
from tasks.config.loading import load_case


@flow(name="acceptability", flow_run_name="acceptability-{profile}", validate_parameters=True)
def acceptability(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on grammaticality and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (a public data set and model).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("acceptability", profile, as_mapping(overrides))
    return run_case(config, force)
