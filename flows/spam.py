"""Spam among text messages: how much of a decoder has to be trained to read the last token.

    thaw run spam
    thaw run spam -o strategies=[last_1,head] -o seeds=[1,2,3]
    thaw run spam -o model.pooling=first -o training.padding=max

The last two are the chapter's own experiments: which token is read, and padding to the maximum.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from flows.supervised import run_case
from tasks.config.loading import load_case


@flow(name="spam", flow_run_name="spam-{profile}", validate_parameters=True)
def spam(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on spam detection and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("spam", profile, as_mapping(overrides))
    return run_case(config, force)
