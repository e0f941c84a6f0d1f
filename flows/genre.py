"""Genres of animated series from their synopses: full fine-tuning against frozen bottoms.

    thaw run genre
    thaw run genre -o strategies=[full,freeze_4] -o seeds=[1,2,3]
    thaw run genre -o data.path=my.csv -o data.columns.synopsis=plot -o data.min_label_count=50

From the command line and from a deployment alike, `overrides` leaves every field that it does
not name as `conf/genre.yaml` has it.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from flows.supervised import run_case
from tasks.config.loading import load_case


@flow(name="genre", flow_run_name="genre-{profile}", validate_parameters=True)
def genre(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on multi-label genres and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("genre", profile, as_mapping(overrides))
    return run_case(config, force)
