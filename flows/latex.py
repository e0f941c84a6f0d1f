"""English to LaTeX: how much of a decoder has to be trained to write formulas.

    thaw run latex
    thaw run latex -o strategies=[full,lora_8] -o seeds=[1,2,3]
    thaw run latex -o data.path=pairs.csv -o split.folds=5

The last is for files of a few dozen pairs, like the chapter's: each pair is tested once.
"""

from typing import Literal

from prefect import flow

from flows.generative import run_generative
from flows.overrides import Overrides, as_mapping
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="latex", flow_run_name="latex-{profile}", validate_parameters=True)
def latex(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on English to LaTeX and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("latex", profile, as_mapping(overrides))
    return run_generative(config, force)
