"""Supervised instruction tuning: a model that continues text learns to answer, and to stop.

    thaw run sft
    thaw run sft -o data.path=chats.jsonl -o language.template=chat
    thaw run sft -o strategies=[full] -o grid.training.packing=[false,true]

The first stage of SAWYER. What it registers carries its prompt format, and the stages after it
load it by alias: `load_champion("sft")`.
"""

from typing import Literal

from prefect import flow

from flows.generative import run_generative
from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="sft", flow_run_name="sft-{profile}", validate_parameters=True)
def sft(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on instructions and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("sft", profile, as_mapping(overrides))
    return run_generative(config, force)
