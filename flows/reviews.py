"""Stars from one to five, from the title and body of a review: near misses count for something.

    thaw run reviews
    thaw run reviews -o data.sort_by=stars -o training.shuffle=false
    thaw run reviews -o data.path=mine.parquet -o data.columns.title=review_title \\
        -o data.columns.body=review_body

The second trains on the rows in the order of their stars, which the chapter warns against.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from flows.supervised import run_case
from tasks.config.loading import load_case


@flow(name="reviews", flow_run_name="reviews-{profile}", validate_parameters=True)
def reviews(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on star ratings and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("reviews", profile, as_mapping(overrides))
    return run_case(config, force)
