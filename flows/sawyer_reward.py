"""A reward model: which of two answers to a question is better, learned from comparisons.

    thaw run sawyer_reward
    thaw run sawyer_reward -o data.path=preferences.jsonl -o data.on_bad_line=skip
    thaw run sawyer_reward -o grid.preference.margin=[none,score] -o strategies=[full]
    thaw predict sawyer_reward "Is tea a drink?" "Yes, it is." "No, tea is a stone."

The second stage of SAWYER. The stage after it learns from its rewards:
`rewards: [{model: sawyer_reward@champion}]`.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.preference import run_preference
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="sawyer_reward", flow_run_name="sawyer_reward-{profile}", validate_parameters=True)
def sawyer_reward(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on pairs of answers and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("sawyer_reward", profile, as_mapping(overrides))
    return run_preference(config, force)
