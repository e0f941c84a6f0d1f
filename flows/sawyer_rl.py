"""The third stage of SAWYER: a model that was taught to answer learns what answers are liked.

    thaw run sawyer_rl
    thaw run sawyer_rl -o strategies=[last_2,last_6,full] -o rl.steps=40
    thaw run sawyer_rl -o model.base=smollm2 -o rl.algorithm=rloo

It starts from `sft@champion` and is rewarded by `sawyer_reward@champion`, each of which has a flow
of its own; `flows/sawyer.py` chains the three.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.reinforced import run_policy
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="sawyer_rl", flow_run_name="sawyer_rl-{profile}", validate_parameters=True)
def sawyer_rl(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare strategies on rewards and register the best arm.

    Args:
        profile: `sample` (data that ships with Thaw) or `book` (the chapter's model and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("sawyer_rl", profile, as_mapping(overrides))
    return run_policy(config, force)
