"""Reward arms from their specification to their outcome, on tiny models."""

from typing import Any

import numpy as np
import pytest
import torch

from tasks.errors import RequestError, ThawError
from tasks.evaluation.scored import read_scored
from tasks.kinds.ranking.encoding import encode_pairs
from tasks.kinds.ranking.training import (
    RankingLearner,
    RewardTrainer,
    bradley_terry,
    untrained_reward,
)
from tasks.models.base_models import locate
from tasks.training.arms import ArmSpec
from tasks.training.building import load_trained
from tasks.training.run import train_arm

LEARNS = {"epochs": 8, "learning_rate": 2e-3, "head_learning_rate": 1e-2}


def train(spec: ArmSpec, **options: Any) -> Any:
    return train_arm(spec, "run", RankingLearner, lambda metrics, step: None, **options)


@pytest.mark.parametrize("strategy", ["full", "freeze_2", "head", "lora_2", "prompt_3"])
def test_every_strategy_trains_and_ranks(strategy: str, reward_spec) -> None:
    training = LEARNS | {"lora_learning_rate": 1e-2}
    outcome = train(reward_spec(strategy=strategy, training=training))
    figures = outcome.metrics
    untrained = untrained_reward(reward_spec(strategy=strategy), "run").metrics
    assert figures["val/loss"] < untrained["val/loss"]
    assert {"test/pair_accuracy", "test/margin", "test/ece", "cost/cut_answers"} <= set(figures)
    assert figures["cost/trainable_share"] == 1 or strategy != "full"
    if strategy in ("full", "freeze_2", "lora_2"):
        assert figures["test/pair_accuracy"] > 0.8
    assert outcome.trunk.startswith("on") == (strategy in ("freeze_2", "head"))


def test_the_trunk_gives_the_same_rewards_as_the_whole_model(reward_spec) -> None:
    with_trunk, without = (
        train(reward_spec(training=LEARNS | {"epochs": 2, "trunk": trunk}))
        for trunk in ("on", "off")
    )
    tables = [read_scored(outcome.test).frame for outcome in (with_trunk, without)]
    for column in ("chosen_reward", "rejected_reward"):
        np.testing.assert_allclose(tables[0][column], tables[1][column], atol=2e-3)


def test_an_answer_is_stored_once_however_many_pairs_it_is_in(reward_spec) -> None:
    from tasks.training.hidden_store import trunk_dir

    train(reward_spec(training={"epochs": 1, "trunk": "on"}))
    spec = reward_spec()
    part = encode_pairs(spec.train, locate(spec.model.base), 32)
    stored = sum(path.stat().st_size for path in trunk_dir().glob("*/states.bin"))
    tokens = sum(
        encode_pairs(table, locate(spec.model.base), 32).responses.tokens
        for table in (spec.train, spec.validation, spec.test)
    )
    assert stored == tokens * 32 * 4  # float32 states of width 32
    assert len(part.responses.ids) < 2 * len(part)


def test_the_trained_loss_is_that_of_each_pair_by_itself(reward_spec, monkeypatch) -> None:
    seen: list[tuple[float, list[float]]] = []
    compute = RewardTrainer.compute_loss

    def watched(self: RewardTrainer, model: Any, inputs: dict, *rest: Any, **named: Any) -> Any:
        given = {name: value.clone() for name, value in inputs.items()}
        loss = compute(self, model, inputs, *rest, **named)
        ends = [given.pop(name).tolist() for name in ("chosen", "rejected", "margin")]
        one_by_one = []
        with torch.no_grad():
            rewards = model(**given)["logits"]
            for chosen, rejected, margin in zip(*ends, strict=True):
                gap = float(rewards[chosen, 0]) - float(rewards[rejected, 0]) - margin
                one_by_one.append(float(np.logaddexp(0, -gap)))
        seen.append((float(loss.detach()), one_by_one))
        return loss

    monkeypatch.setattr(RewardTrainer, "compute_loss", watched)
    train(reward_spec(preference={"margin": "score"}, training={"epochs": 1}, strategy="full"))
    assert len(seen) == 5
    for loss, one_by_one in seen:
        assert loss == pytest.approx(np.mean(one_by_one), abs=1e-5)


def test_a_margin_asks_for_wider_gaps(reward_spec) -> None:
    plain, wide = (
        train(reward_spec(strategy="full", training=LEARNS, preference=preference))
        for preference in ({}, {"margin": "score", "margin_scale": 1.0})
    )
    assert wide.metrics["test/margin"] > plain.metrics["test/margin"]
    assert plain.key != wide.key


def test_a_finished_arm_is_reused_and_a_forced_one_trained_anew(reward_spec) -> None:
    spec = reward_spec(training={"epochs": 1})
    first = train(spec)
    assert train(spec) == first
    assert not list(spec.folder.glob("checkpoint-*"))
    assert train(spec, force=True).metrics["cost/train_seconds"] != pytest.approx(
        first.metrics["cost/train_seconds"], abs=1e-9
    )


def test_a_killed_arm_goes_on_to_the_same_result(reward_spec, monkeypatch) -> None:
    spec = reward_spec(strategy="full", training={"epochs": 3})
    whole = train(spec)
    evaluate = RewardTrainer.evaluate
    calls = []

    def killed(self: RewardTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(RewardTrainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec, force=True)
    resumed = train(spec)
    assert resumed.test == whole.test
    assert [point.metrics for point in resumed.curve if "val/loss" in point.metrics] == [
        point.metrics for point in whole.curve if "val/loss" in point.metrics
    ]


def test_what_is_saved_gives_the_same_rewards(reward_spec) -> None:
    spec = reward_spec(strategy="lora_2", training={"epochs": 2})
    outcome = train(spec)
    _, model = load_trained(spec.folder)
    frame = read_scored(outcome.test).frame
    from tasks.kinds.ranking.classifier_reward import ClassifierReward
    from tasks.models.loading import load_tokenizer

    scorer = ClassifierReward(
        "reward",
        model,
        load_tokenizer(locate(spec.model.base)),
        ("reward",),
        reads="pair",
        max_length=32,
    )
    found = scorer.score(frame["query"].tolist(), frame["truth"].tolist())
    np.testing.assert_allclose(found, frame["chosen_reward"], atol=1e-4)


def test_training_that_runs_away_is_a_sentence(reward_spec) -> None:
    spec = reward_spec(
        strategy="full", training={"epochs": 2, "learning_rate": 1e30, "max_grad_norm": 0}
    )
    with pytest.raises(ThawError, match=r"lower training\.learning_rate"):
        train(spec)


def test_a_margin_without_scores_is_refused(reward_spec, pair_parts) -> None:
    from tasks.storage import put_table

    plain = put_table(pair_parts["train"].read().drop(columns="gap"), "no scores")
    with pytest.raises(RequestError, match=r"preference\.margin=none"):
        train(reward_spec(train=plain, preference={"margin": "score"}))


def test_the_validation_loss_has_no_margin(reward_spec) -> None:
    outcome = train(reward_spec(preference={"margin": "score"}, training={"epochs": 1}))
    frame = read_scored(outcome.validation).frame
    ends = [torch.tensor(frame[f"{end}_reward"].to_numpy()) for end in ("chosen", "rejected")]
    wanted = float(bradley_terry(*ends, torch.zeros(len(frame), dtype=torch.float64)))
    assert outcome.metrics["val/loss"] == pytest.approx(wanted, abs=1e-6)
