"""One update: empty answers, learning rates, smaller passes, and losses that are no numbers."""

from pathlib import Path

import pytest
import torch
from kinds.policy.rl_parts import KINDS, MakePolicy, many_b, small_config

from tasks.errors import ThawError
from tasks.kinds.policy.rewards import FunctionReward
from tasks.kinds.policy.rollout import Query
from tasks.kinds.policy.training import train


@pytest.mark.parametrize("kind", KINDS)
def test_answers_without_tokens_neither_break_nor_skip(
    kind: str, make_policy: MakePolicy, queries: list[Query]
) -> None:
    from tasks.kinds.policy.rewards import score_answers
    from tasks.kinds.policy.rollout import Sampled, collect
    from tasks.kinds.policy.tokens import pad_answers
    from tasks.kinds.policy.update import learn, make_optimizer

    policy, config = make_policy(kind), small_config()
    prompts = policy.read([query.ids for query in queries[:4]])
    for rows in ([[2, 1], [], [1], [3, 3, 1]], [[], [], [], []]):
        answers = pad_answers(rows, 0, policy.device)
        texts = policy.texts(answers)
        empty = FunctionReward("empty", lambda _, answers: [float(not a) for a in answers])
        scores = score_answers([empty], ["p"] * 4, texts, list("0123"))
        assert scores.total.tolist() == [float(not text) for text in texts]
        with torch.no_grad():
            found = policy.evaluate(prompts, answers)
        sampled = Sampled(
            prompts, answers, texts, scores, found.log_probs, found.values, found.log_probs
        )
        rollout = collect(sampled, 0.2, config)
        assert torch.isfinite(rollout.advantages).all()
        learn(policy, make_optimizer(policy, 1e-3), rollout, config, torch.Generator())
        assert all(torch.isfinite(value).all() for value in policy.trained().values())


def test_a_loss_that_is_no_number_says_what_to_lower(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    policy = make_policy("causal")
    huge = FunctionReward("huge", lambda _, answers: [1e300] * len(answers))
    with pytest.raises(ThawError, match=r"lower rl.learning_rate \(now 0.003\)"):
        train(policy, queries[:8], queries[8:], [huge], small_config(), tmp_path)


def test_the_value_head_has_a_learning_rate_of_its_own(
    make_policy: MakePolicy, queries: list[Query], tmp_path: Path
) -> None:
    """Adam's first update moves a parameter by its learning rate, but for epsilon."""
    policy = make_policy("causal")
    before = {name: value.detach().clone() for name, value in policy.trained().items()}
    once = {"steps": 1, "epochs": 1, "mini_batch_size": 8, "warmup": 1, "held_out_every": 9}
    config = small_config(learning_rate=1e-3, value_learning_rate=1e-1, max_grad_norm=0.0, **once)
    train(policy, queries[:8], queries[8:], [many_b()], config, tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)["trained"]
    moved = {name: (state[name] - value).abs().max() for name, value in before.items()}
    head = [float(moved.pop(name)) for name in list(moved) if name.startswith("value_head")]
    assert head == pytest.approx([5e-2, 5e-2], rel=0.05)  # half of it: one step of warm-up
    assert max(moved.values()) == pytest.approx(5e-4, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_passes_make_the_same_update(
    kind: str, make_policy: MakePolicy, queries: list[Query]
) -> None:
    from tasks.kinds.policy.rollout import collect, sample
    from tasks.kinds.policy.update import learn, make_optimizer

    after, figures = [], []
    for size in (None, 3, 1):
        policy = make_policy(kind)
        config = small_config(mini_batch_size=8, epochs=3, forward_batch_size=size)
        draws, order = (torch.Generator().manual_seed(5) for _ in range(2))
        rollout = collect(sample(policy, queries[:8], [many_b()], config, draws), 0.1, config)
        assert len(set(rollout.sampled.answers.lengths.tolist())) > 1
        optimizer = make_optimizer(policy, config.learning_rate)
        figures.append(learn(policy, optimizer, rollout, config, order))
        after.append(policy.trained())
    for found, said in zip(after[1:], figures[1:], strict=True):
        assert said == pytest.approx(figures[0], rel=1e-4, abs=1e-5)
        for name, value in after[0].items():
            assert torch.allclose(value, found[name], atol=2e-5), name
