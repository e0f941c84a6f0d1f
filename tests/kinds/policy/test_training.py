"""The loop: resumed runs, the best checkpoint, guards, and refusals."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from damages import Damage, flip, replace, truncate
from kinds.policy.rl_parts import (
    KINDS,
    PROMPTS,
    KilledError,
    MakePolicy,
    killed_at,
    many_b,
    small_config,
)

from tasks.errors import RequestError, ThawError
from tasks.kinds.policy.course import rows_of_step
from tasks.kinds.policy.held_out import measure
from tasks.kinds.policy.rewards import FunctionReward
from tasks.kinds.policy.rollout import Query
from tasks.kinds.policy.training import train


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_resumes_to_the_same_curve_and_weights(
    kind: str, make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    config = small_config(steps=5, save_every=2, kl_target=3.0, kl_horizon=50, warmup=3)
    whole, resumed = make_policy(kind), make_policy(kind)
    wanted = train(whole, queries[:8], queries[8:], [many_b()], config, tmp_path / "whole")
    folder = tmp_path / "killed"
    for step in (1, 3, 4):  # before the first save, after one, right at the next
        with pytest.raises(KilledError):
            train(
                make_policy(kind),
                queries[:8],
                queries[8:],
                [many_b()],
                config,
                folder,
                killed_at(step),
            )
    found = train(resumed, queries[:8], queries[8:], [many_b()], config, folder)
    assert found == wanted
    assert len(found.curve) == 5
    assert found.curve[0]["kl_coefficient"] != found.curve[-1]["kl_coefficient"]
    rates = [figures["learning_rate"] / config.learning_rate for figures in found.curve]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    for (name, value), other in zip(
        whole.trained().items(), resumed.trained().values(), strict=True
    ):
        assert torch.equal(value, other), name
    # A finished run is not trained again.
    again = train(make_policy(kind), queries[:8], queries[8:], [many_b()], config, folder)
    assert again == wanted


@pytest.mark.parametrize("file", ["state.pt", "best-*.safetensors"])
@pytest.mark.parametrize("damage", [truncate, flip, replace])
def test_a_damaged_checkpoint_is_not_resumed_but_made_anew(
    damage: Damage, file: str, make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    config = small_config(steps=3, save_every=1)

    def run(folder: str, *more: Any) -> Any:
        policy = make_policy("causal")
        parts = (queries[:8], queries[8:], [many_b()], config, tmp_path / folder)
        return train(policy, *parts, *more), policy

    wanted, whole = run("whole")
    with pytest.raises(KilledError):
        run("killed", killed_at(2))
    (damaged,) = (tmp_path / "killed").glob(file)
    damage(damaged)
    found, resumed = run("killed")
    assert found == wanted
    for (name, value), other in zip(
        whole.trained().items(), resumed.trained().values(), strict=True
    ):
        assert torch.equal(value, other), name


def test_the_policy_ends_with_its_best_weights_not_its_last(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    # Rewarded for b on the prompts it learns from, and for anything else on the held-out ones.
    def share(prompts, answers):
        return [
            (1 if prompt in PROMPTS[:8] else -1) * answer.split().count("b")
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    policy, config = make_policy("causal"), small_config(steps=8, batch_size=16)
    reward = FunctionReward("split", share)
    run = train(policy, queries[:8], queries[8:] * 8, [reward], config, tmp_path)
    rewards = {seen["step"]: seen["reward"] for seen in run.held_out}
    assert run.best == max(rewards, key=rewards.__getitem__)
    assert run.best < 8
    now = measure(policy, queries[8:] * 8, [reward], config)
    assert now.figures["reward"] == pytest.approx(rewards[run.best])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"best-{run.best}.safetensors",
        "state.pt",
    ]


def test_the_best_is_within_the_kl_budget(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    config = small_config(steps=12, batch_size=16, kl_budget=2.0)
    run = train(make_policy("causal"), queries[:8], queries[8:] * 8, [many_b()], config, tmp_path)
    kept = next(seen for seen in run.held_out if seen["step"] == run.best)
    assert kept["kl"] <= 2.0
    assert any(seen["reward"] > kept["reward"] for seen in run.held_out if seen["kl"] > 2.0)


def test_a_run_that_runs_away_stops_with_a_sentence_and_stays_stopped(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    config = small_config(steps=40, batch_size=16, stop_kl=1.0, stop_patience=2)

    def start():
        policy = make_policy("causal")
        return train(policy, queries[:8], queries[8:], [many_b()], config, tmp_path)

    run = start()
    assert re.search(
        r"^Stopped after step \d+, because for 2 steps in a row .*stop_kl=1", run.stopped
    )
    assert run.step < 40
    assert run.held_out[-1]["step"] == run.step
    assert start() == run


def test_every_part_and_figure_is_logged(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    from tasks.kinds.policy.rewards import named_function

    logged: dict[str, list[int]] = {}

    def log(figures: dict[str, float], step: int) -> None:
        for name in figures:
            logged.setdefault(name, []).append(step)

    rewards = [many_b(), named_function("length", -0.1)]
    config = small_config(steps=3)
    train(make_policy("causal"), queries[:8], queries[8:], rewards, config, tmp_path, log)
    steps = [name for name, seen in logged.items() if seen == [1, 2, 3]]
    figures = """kl entropy clip/policy clip/value loss/policy loss/value reward reward/many_b
        reward/length tokens words repetition kl_coefficient explained_variance grad_norm"""
    assert {f"train/{name}" for name in figures.split()} <= set(steps)
    assert logged["held_out/reward/length"] == [0, 2, 3]


def test_a_folder_of_another_run_is_refused(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    def start(**changes: object):
        config = small_config(**({"steps": 1} | changes))
        return train(make_policy("causal"), queries[:8], queries[8:], [many_b()], config, tmp_path)

    start()
    with pytest.raises(RequestError, match="other settings"):
        start(learning_rate=1e-4)
    assert start(steps=2).step == 2  # more steps of the same run go on


def test_a_state_that_cannot_be_read_is_as_good_as_none(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    (tmp_path / "state.pt").write_bytes(b"torn")
    settings = small_config(steps=1)
    anew = train(make_policy("causal"), queries, queries, [many_b()], settings, tmp_path)
    assert anew.step == 1


def test_prompts_that_do_not_fit_are_refused_by_row(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    def start(kind: str, *extra: Query):
        policy = make_policy(kind)
        return train(
            policy, [*queries, *extra], queries, [many_b()], small_config(steps=1), tmp_path / kind
        )

    long = Query("row 17", (3,) * 25, "a")
    with pytest.raises(RequestError, match=r"row row 17 has 25 tokens.* room for 24 beside 8"):
        start("causal", long)
    assert start("encoder_decoder", long).step == 1  # T5 sets no limit
    with pytest.raises(RequestError, match="row 18 is empty"):
        start("causal", Query("row 18", (), ""))
    with pytest.raises(RequestError, match="no prompts to learn from"):
        train(make_policy("causal"), [], queries, [many_b()], small_config(), tmp_path)


def test_a_reward_that_becomes_nan_ends_the_run_with_the_row(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    nan = FunctionReward(
        "odd", lambda prompts, _: [float(p == "h") or float("nan") for p in prompts]
    )
    with pytest.raises(ThawError, match=r"reward odd is nan .* row 8"):
        train(make_policy("causal"), queries[:8], queries[8:], [nan], small_config(), tmp_path)


def test_each_prompt_is_answered_once_before_any_is_answered_twice() -> None:
    steps = [rows_of_step(step, 10, 4, seed=3) for step in range(5)]
    drawn = [row for rows in steps for row in rows]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]
    assert rows_of_step(2, 10, 4, seed=3) == steps[2]
