"""Agreement with the last PPOTrainer that TRL had: benchmarks/ppo_reference.py says how made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.ppo_reference import (
    ANSWERS,
    END,
    EPSILON,
    KINDS,
    LEARNING_RATE,
    PAD,
    QUERIES,
    SCORES,
    SETTINGS,
    build_model,
    draw_weights,
    fixed_tensors,
)
from tasks.config import RLConfig
from tasks.kinds.policy.causal import CausalPolicy
from tasks.kinds.policy.course import KLControl
from tasks.kinds.policy.encoder_decoder import EncoderDecoderPolicy
from tasks.kinds.policy.formulas import (
    advantages_and_returns,
    entropy_of,
    policy_loss,
    token_rewards,
    value_loss,
    whiten,
)
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Scores
from tasks.kinds.policy.rollout import Rollout, Sampled, collect
from tasks.kinds.policy.tokens import Answers, pad_answers
from tasks.kinds.policy.update import learn

REFERENCE = json.loads(
    (Path(__file__).parents[3] / "benchmarks" / "ppo_reference.json").read_text(encoding="utf-8")
)
CASES = [(kind, name) for kind in KINDS for name in SETTINGS]


class _Tokenizer:
    pad_token_id, eos_token_id = PAD, END


class _LeavesOutTheFirst(EncoderDecoderPolicy):
    """The decoder still reads the first token, which TRL's mask leaves out of everything else."""

    def _forward(self, model: Any, prompts: Any, answers: Answers) -> tuple[Tensor, Tensor]:
        mask = answers.mask.clone()
        mask[:, 0] = 1
        return super()._forward(model, prompts, replace(answers, mask=mask))


def make_policy(kind: str) -> Policy:
    policy: Policy
    if kind == "causal":
        policy = CausalPolicy(build_model(kind), _Tokenizer())
    else:
        policy = _LeavesOutTheFirst(build_model(kind), _Tokenizer(), freeze_encoder=False)
    policy.reference = build_model(kind, reference=True).requires_grad_(False)
    values = torch.nn.Module()
    values.summary = policy.value_head  # TRL's name, on which the weights depend
    draw_weights(values)
    return policy


def config_of(settings: dict[str, Any]) -> RLConfig:
    return RLConfig(
        epochs=settings["ppo_epochs"],
        mini_batch_size=len(QUERIES),
        max_grad_norm=settings.get("max_grad_norm", 0.0),
        gamma=settings.get("gamma", 1.0),
        lam=settings.get("lam", 0.95),
        kl_horizon=settings["horizon"],
    )


def sampled_by(policy: Policy, wanted: dict[str, Any]) -> Sampled:
    """The fixed answers, as if the policy had just drawn them."""
    prompts = policy.read(QUERIES)
    answers = pad_answers(ANSWERS, PAD, torch.device("cpu"))
    with torch.no_grad():
        found = policy.evaluate(prompts, answers)
        reference = policy.reference_log_probs(prompts, answers)
    mask = pad_answers(wanted["mask"], 0, torch.device("cpu")).ids
    return Sampled(
        prompts,
        Answers(answers.ids, mask),
        [""] * len(answers),
        Scores(np.array(SCORES), {}),
        found.log_probs,
        found.values,
        reference,
    )


def rows_of(rollout: Rollout, config: RLConfig) -> dict[str, Tensor]:
    sampled = rollout.sampled
    rewards = token_rewards(
        torch.tensor(SCORES),
        sampled.log_probs,
        sampled.reference,
        sampled.answers.mask,
        config.kl_coefficient,
    )
    return {
        "log_probs": sampled.log_probs,
        "reference": sampled.reference,
        "values": sampled.values,
        "kl": sampled.log_probs - sampled.reference,
        "rewards": rewards,
        "advantages": rollout.advantages,
        "returns": rollout.returns,
    }


def close(found: Any, wanted: Any, what: str) -> None:
    found, wanted = torch.as_tensor(found).detach().float(), torch.as_tensor(wanted).float()
    assert found.shape == wanted.shape, what
    assert torch.allclose(found, wanted, rtol=0, atol=1e-5), (what, (found - wanted).abs().max())


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_token_has_the_figures_that_trl_gave_it(kind: str, name: str) -> None:
    wanted = REFERENCE[kind][name]
    config = config_of(wanted["settings"])
    rollout = collect(sampled_by(make_policy(kind), wanted), config.kl_coefficient, config)
    for what, figures in rows_of(rollout, config).items():
        for row, (given, mask) in enumerate(zip(wanted[what], wanted["mask"], strict=True)):
            # The policy's own figures agree at the token that TRL leaves out, too.
            everywhere = what in {"log_probs", "reference", "kl"}
            kept = torch.ones(len(mask), dtype=bool) if everywhere else torch.tensor(mask).bool()
            close(figures[row, : len(mask)][kept], torch.tensor(given)[kept], f"{what}, {row}")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_updates_leave_the_parameters_that_trl_left(kind: str, name: str) -> None:
    wanted = REFERENCE[kind][name]
    config = config_of(wanted["settings"])
    policy = make_policy(kind)
    rollout = collect(sampled_by(policy, wanted), config.kl_coefficient, config)
    before = {key: value.detach().clone() for key, value in policy.trained().items()}
    optimizer = torch.optim.Adam(list(policy.trained().values()), lr=LEARNING_RATE, eps=EPSILON)
    figures = learn(policy, optimizer, rollout, config, torch.Generator())
    for what, value in wanted["stats"].items():
        close(figures[what], value, what)
    control = KLControl(config.kl_coefficient, config.kl_target, config.kl_horizon)
    control.update(float(rollout.sampled.kl.mean()), len(QUERIES))
    close(control.coefficient, wanted["kl_coefficient_after"], "coefficient")
    after = {_trl_name(key): value for key, value in policy.trained().items()}
    assert after.keys() == wanted["parameters_after"].keys()
    for key, value in wanted["parameters_after"].items():
        close(after[key], value, key)
    moved = max(float((policy.trained()[key] - value).abs().max()) for key, value in before.items())
    assert moved > 1e-3  # a hundred times the tolerance


def _trl_name(name: str) -> str:
    return name.replace("model.", "pretrained_model.", 1).replace("value_head", "v_head.summary")


def test_the_four_epochs_do_clip() -> None:
    for kind in KINDS:
        assert REFERENCE[kind]["four epochs"]["stats"]["clip/policy"] > 0.01
        assert REFERENCE[kind]["four epochs"]["stats"]["clip/value"] > 0.01


def test_the_equations_give_what_trls_functions_give() -> None:
    wanted, given = REFERENCE["formulas"], fixed_tensors()
    mask = given["mask"]
    advantages, returns = advantages_and_returns(
        given["rewards"], given["values"], mask, gamma=0.97, lam=0.9
    )
    close(whiten(advantages, mask) * mask, wanted["advantages"], "advantages")
    close(returns, wanted["returns"], "returns")
    close(whiten(given["rewards"], mask), wanted["whitened"], "whitened")
    around = whiten(given["rewards"], mask, shift_mean=False)
    close(around, wanted["whitened_around_mean"], "whitened around the mean")
    loss, clipped = policy_loss(given["new"], given["old"], given["advantages"], mask, 0.2)
    close(loss, wanted["policy_loss"], "policy loss")
    close(clipped, wanted["policy_clipped"], "clipped ratios")
    error, cut = value_loss(given["values"], given["old_values"], given["returns"], mask, 0.2)
    close(0.1 * error, wanted["weighted_value_loss"], "value loss")
    close(cut, wanted["value_clipped"], "clipped values")
    assert 0 < float(clipped) < 1
    assert 0 < float(cut) < 1
    close(entropy_of(given["logits"].log_softmax(2)), wanted["entropy"], "entropy")
    control = KLControl(0.2, 6.0, 1000)
    for kl, coefficient in zip((0.0, 5.0, 6.0, 6.5, 30.0), wanted["coefficients"], strict=True):
        control.update(kl, 64)
        close(control.coefficient, coefficient, f"coefficient after {kl}")
