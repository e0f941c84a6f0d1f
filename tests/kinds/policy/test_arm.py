"""A policy arm: what trains, what it leaves behind, how it resumes, and what it refuses."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kinds.policy.policy_arms import PROMPTS, policy_spec
from often import mostly

from tasks.errors import RequestError
from tasks.evaluation.scored import read_scored
from tasks.kinds.policy.arm import PolicyLearner
from tasks.kinds.policy.building import load_start, load_trained_policy, read_prompts
from tasks.texts import repetition
from tasks.training.run import train_arm

BASES = ("tiny_writer", "tiny_t5")


class KilledError(Exception):
    """Stands for a kill: nothing of the run is left but its folder."""


class Curve(dict[str, list[int]]):
    """What a tracking run was told, and what it has: metric -> steps."""

    def __init__(self, killed_at: int = -1) -> None:
        super().__init__()
        self.values_: dict[tuple[str, int], float] = {}
        self.killed_at = killed_at

    def log(self, metrics: dict[str, float], step: int) -> None:
        for name, value in metrics.items():
            self.setdefault(name, []).append(step)
            self.values_[name, step] = value
        if step == self.killed_at and "train/reward" in metrics:
            raise KilledError

    def last(self, metric: str) -> int:
        return max(self.get(metric, [-1]))


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def test_an_arm_leaves_scores_of_every_prompt_and_figures_under_one_name(base: Path) -> None:
    curve = Curve()
    outcome = train_arm(policy_spec(base), "run", PolicyLearner, curve.log)
    test = read_scored(outcome.test)
    assert set(test.ids) == {f"row-{number}" for number in range(18, 24)}
    assert test.frame["prompt"].tolist() == PROMPTS[18:]
    names = "reward reward_words kl tokens words repetition_4 stops overlap greedy_reward "
    names += "greedy_repetition_4"
    assert set(test.scores) == set(names.split())
    assert np.allclose(test.scores["reward"], test.scores["words"])
    repeats = [repetition(text) for text in test.frame["greedy"]]
    assert test.scores["greedy_repetition_4"].tolist() == repeats
    for name in (*names.split(), "distinct_1"):
        assert f"test/{name}" in outcome.metrics
    assert outcome.metrics["test/reward"] == pytest.approx(test.scores["reward"].mean())
    assert curve["train/reward"] == [1, 2, 3, 4]
    assert curve["val/reward_words"] == curve["val/repetition_4"] == [0, 2, 4]
    assert not any("/reward/" in name or name.startswith("held_out") for name in curve)
    for cost in ("train_seconds", "examples_per_second", "peak_memory_mb", "best_step"):
        assert f"cost/{cost}" in outcome.metrics
    assert outcome.curve[-1].epoch == pytest.approx(4 * 8 / 12)  # passes over 12 prompts


def test_the_checkpoint_that_validation_chose_is_the_one_that_is_kept(base: Path) -> None:
    outcome = train_arm(policy_spec(base, rl={"steps": 8}), "run", PolicyLearner, Curve().log)
    seen = {
        point.step: point.metrics["val/reward"]
        for point in outcome.curve
        if "val/reward" in point.metrics
    }
    assert outcome.metrics["val/reward"] == pytest.approx(max(seen.values()))
    assert seen[int(outcome.metrics["cost/best_step"])] == pytest.approx(max(seen.values()))


def test_a_killed_arm_resumes_to_the_same_curve_and_answers(base: Path) -> None:
    from tasks.training.keeping import OUTCOME

    whole, resumed = Curve(), Curve(killed_at=3)
    spec = policy_spec(base, rl={"save_every": 2})
    wanted = train_arm(spec, "run", PolicyLearner, whole.log, force=True)
    (spec.folder / OUTCOME).unlink()
    with pytest.raises(KilledError):
        train_arm(spec, "run", PolicyLearner, resumed.log, force=True)
    resumed.killed_at = -1
    found = train_arm(spec, "run", PolicyLearner, resumed.log, resumed.last)
    assert resumed == whole  # and no step is logged twice
    assert resumed.values_ == whole.values_
    assert found.test.digest == wanted.test.digest
    assert found.curve == wanted.curve
    # A finished arm is not trained again.
    again = train_arm(spec, "run", PolicyLearner, Curve(1).log)
    assert again == found


@pytest.mark.parametrize("strategy", mostly(["last_1", "lora_2"], ["full", "freeze_3"]))
def test_a_strategy_trains_what_it_names_and_is_loaded_back(base: Path, strategy: str) -> None:
    spec = policy_spec(base, strategy=strategy, rl={"steps": 6})
    outcome = train_arm(spec, "run", PolicyLearner, Curve().log)
    before = dict(load_start(policy_spec(base))[0].named_parameters())
    _, model, tokenizer = load_trained_policy(spec.folder)
    assert not (spec.folder / "checkpoint-rl").exists()
    moved = {
        name
        for name, value in model.named_parameters()
        if not torch.equal(value.detach(), before[name].detach())
    }
    assert moved
    if strategy in ("freeze_3", "last_1"):
        assert not any("encoder" in name or "embed" in name for name in moved)
        assert all(re.search(r"(layers|decoder\.block)\.3\.|norm|lm_head", name) for name in moved)
    prompts = read_prompts(spec.test, spec.language, tokenizer, model.config.is_encoder_decoder)
    from tasks.language.generating import Decoding
    from tasks.language.writing import write

    answers = write(model, tokenizer, prompts.prompts, Decoding(8))
    greedy = read_scored(outcome.test).frame["greedy"].tolist()
    assert [answer.text for answer in answers] == greedy


def test_a_guard_that_stops_an_arm_is_its_note(tiny_writer: Path) -> None:
    spec = policy_spec(tiny_writer, rl={"steps": 30, "stop_kl": 0.01, "stop_patience": 1})
    outcome = train_arm(spec, "run", PolicyLearner, Curve().log)
    assert "rl.stop_kl=0.01" in outcome.note
    assert outcome.metrics["cost/steps"] < 30


def test_a_prompt_that_does_not_fit_is_refused_by_name(tiny_writer: Path) -> None:
    spec = policy_spec(tiny_writer, rl={"max_new_tokens": 185})
    with pytest.raises(RequestError, match=r"The prompt of row row-0 has \d+ tokens"):
        train_arm(spec, "run", PolicyLearner, Curve().log)


def test_other_rewards_and_starts_are_other_arms(tiny_writer: Path, tiny_t5: Path) -> None:
    def key(**changes: Any) -> str:
        return policy_spec(tiny_writer, **changes).key

    assert key() == key()
    different = {
        key(),
        key(base_digest="x"),
        key(reward_digests=("y",)),
        key(rewards=[{"function": "repetition", "name": "words", "weight": 1.0}]),
        key(rl={"clip": 0.1}),
        policy_spec(tiny_t5).key,
    }
    assert len(different) == 6


def test_trl_teaches_a_decoder_on_the_same_terms_and_no_encoder_decoder(
    tiny_writer: Path, tiny_t5: Path
) -> None:
    curve, rl = Curve(), {"algorithm": "rloo", "generations": 4}
    outcome = train_arm(policy_spec(tiny_writer, rl=rl), "run", PolicyLearner, curve.log)
    assert curve["train/reward_words"] == [1, 2, 3, 4]
    assert curve["val/kl"] == [0, 2, 4]
    assert outcome.curve[-1].epoch == pytest.approx(4 * 8 / 4 / 12)  # two prompts a step
    with pytest.raises(RequestError, match=r"rl\.algorithm=rloo .* encoder-decoder"):
        train_arm(policy_spec(tiny_t5, rl=rl), "run", PolicyLearner, Curve().log)
