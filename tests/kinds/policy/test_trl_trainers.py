"""What TRL's trainers are given: groups, log-probabilities, and the model without their patches."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from kinds.policy.rl_parts import MakePolicy, make_queries, many_b
from kinds.policy.trl_runs import ALGORITHMS, QUERIES, config_of, start
from torch import nn

from tasks.config import RLConfig
from tasks.kinds.policy.course import Course
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import FunctionReward, Reward, named_function
from tasks.kinds.policy.trl_trainers import PolicyTrainer
from tasks.kinds.policy.with_trl import trainer_of


def trainer_at_the_start(
    policy: Policy, folder: Path, config: RLConfig, rewards: Sequence[Reward]
) -> PolicyTrainer:
    return trainer_of(Course(policy, QUERIES[:8], QUERIES[8:], rewards, config, folder))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_answers_to_one_prompt_are_compared_with_each_other(
    algorithm: str, make_policy: MakePolicy, tmp_path: Path
) -> None:
    def first(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        return [
            float(answer.startswith("b")) + len(prompt)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    rewards = [FunctionReward("first", first, 2.0), named_function("length", -0.5)]
    config = config_of(algorithm, batch_size=24, generations=3)
    trainer = trainer_at_the_start(make_policy("causal"), tmp_path, config, rewards)
    rows = next(iter(trainer.get_train_dataloader()))
    trainer.model.train()
    found = trainer._generate_and_score_completions(rows)["advantages"].view(8, 3)
    sampled = trainer.sampled
    given = sampled.prompts.ids.view(8, 3, -1)
    assert (given == given[:, :1]).all()
    assert len({tuple(ids[0].tolist()) for ids in given}) == 8
    # At the start nothing is to be paid for leaving the reference.
    earned = torch.tensor(sampled.scores.total).float().view(8, 3)
    parts = sampled.scores.parts
    assert torch.allclose(
        earned.view(-1), torch.tensor(2.0 * parts["first"] - 0.5 * parts["length"]).float()
    )
    if algorithm == "rloo":
        wanted = earned - (earned.sum(1, keepdim=True) - earned) / 2
    else:
        wanted = (earned - earned.mean(1, keepdim=True)) / (earned.std(1, keepdim=True) + 1e-4)
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trl_is_told_what_it_would_have_found(
    algorithm: str, make_policy: MakePolicy, tmp_path: Path
) -> None:
    from trl.trainer.utils import add_fused_lm_head

    config = config_of(algorithm)
    policy = make_policy("causal")
    queries = make_queries(["a b c", "d e f", "g h i"])  # padded, TRL would misplace them
    trainer = trainer_of(Course(policy, queries, queries, [many_b()], config, tmp_path))
    trainer.model.train()
    given = trainer._generate_and_score_completions(
        [{"prompt": "", "row": row} for row in (0, 0, 0, 0, 2, 2, 2, 2)]
    )
    tensors = [
        torch.cat([given[f"prompt_{kind}"], given[f"completion_{kind}"]], 1)
        for kind in ("ids", "mask")
    ]
    tokens = given["completion_ids"].shape[1]
    assert trainer.model.training
    assert any(isinstance(part, nn.Dropout) and part.p for part in policy.model.modules())
    trainer.rows = given["rows"]
    found, entropy, _ = trainer._get_per_token_logps_and_entropies(policy.model, *tensors, tokens)
    mask = given["completion_mask"]
    assert torch.allclose(found, trainer.sampled.log_probs * mask, atol=1e-5)
    assert found.requires_grad
    add_fused_lm_head(policy.model, outputs=("log_probs", "entropy"))
    policy.model.eval()
    theirs, their_entropy, _ = super(PolicyTrainer, trainer)._get_per_token_logps_and_entropies(
        policy.model, *tensors, tokens, compute_entropy=True
    )
    assert torch.allclose(found, theirs, atol=1e-5)
    assert torch.allclose(entropy * mask, their_entropy, atol=1e-5)


def test_the_model_is_left_as_it_was_but_for_its_weights(
    make_policy: MakePolicy, tmp_path: Path
) -> None:
    policy = make_policy("causal")
    start(policy, tmp_path, config_of("grpo", steps=1))
    assert "forward" not in vars(policy.model)  # a copy of it would run the original's
    assert not any(module.training for module in policy.model.modules())
    assert any(isinstance(part, nn.Dropout) and part.p for part in policy.model.modules())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_smaller_passes_make_the_same_updates(
    algorithm: str, make_policy: MakePolicy, tmp_path: Path
) -> None:
    after, runs = [], []
    for size in (None, 2):
        policy = make_policy("causal")
        config = config_of(algorithm, steps=2, forward_batch_size=size)
        runs.append(start(policy, tmp_path / str(size), config))
        after.append(policy.trained())
    assert [run.step for run in runs] == [2, 2]
    assert len(runs[1].curve) == 2
    for name in ("reward", "kl", "grad_norm", "entropy"):
        figure = runs[1].curve[0][name]  # kl is 0 before the first update, but for rounding
        assert runs[0].curve[0][name] == pytest.approx(figure, rel=1e-3, abs=1e-6), name
    for name, value in after[0].items():
        assert torch.allclose(value, after[1][name], atol=1e-3), name
