"""Sentiment of reviews: everything trained, or a soft prompt, low-rank updates, the top, the head.

    thaw run imdb
    thaw run imdb -o strategies=[prompt_20,lora_8,head] -o seeds=[1,2,3]
    thaw run imdb --profile book -o split.rows.train=5000 -o split.rows.test=5000

The last is the chapter's subset, here for every strategy alike. A temperature fitted on validation
makes the champion's confidence mean what it says.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from flows.supervised import run_case
from tasks.config.loading import load_case


@flow(name="imdb", flow_run_name="imdb-{profile}", validate_parameters=True)
def imdb(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on the sentiment of reviews and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("imdb", profile, as_mapping(overrides))
    return run_case(config, force)
