"""Frozen bottom blocks run once for all who read their output, and nothing else changes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kinds.policy.rl_parts import (
    PROMPTS,
    MakePolicy,
    make_queries,
    many_b,
    small_config,
    word_tokenizer,
)
from torch import nn

from tasks.config.strategies import strategy
from tasks.kinds.policy.causal import CausalPolicy
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rollout import collect, sample
from tasks.kinds.policy.training import train
from tasks.kinds.policy.update import learn, make_optimizer
from tasks.kinds.policy.with_trl import train_with_trl
from tasks.language.tail import WholeLanguageModel
from tasks.training.freezing import freeze

QUERIES = make_queries(PROMPTS)


def tiny_llama() -> Policy:
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=12,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            initializer_range=0.2,
            pad_token_id=0,
            eos_token_id=1,
        )
        return CausalPolicy(LlamaForCausalLM(config), word_tokenizer())


def frozen_policy(kind: str, make_policy: MakePolicy, name: str = "last_1") -> CausalPolicy:
    model = (tiny_llama() if kind == "llama" else make_policy("causal")).model
    freeze(WholeLanguageModel(model), strategy(name))
    policy = CausalPolicy(model, word_tokenizer())
    with torch.no_grad():  # away from the reference, with values
        nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(1))
        for value in policy.trained().values():
            value.add_(0.02 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
    return policy


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_figures_and_gradients_are_those_of_the_whole_model(
    kind: str, make_policy: MakePolicy
) -> None:
    policy = frozen_policy(kind, make_policy)
    assert policy.depth == (2 if kind == "llama" else 1)
    read = policy.read([query.ids for query in QUERIES])
    through = policy.sample(read, 8, torch.Generator().manual_seed(3))
    prompts, answers = (replace(each, states=None) for each in through)
    assert len(set(answers.lengths.tolist())) > 2
    assert through[0].states is not None
    assert through[1].states is not None
    rows = torch.tensor([4, 0, 7])
    mask = answers.take(rows).mask.bool()
    found, gradients = [], []
    for asked, given in ((prompts, answers), through):
        asked, given = asked.take(rows), given.take(rows)
        said = policy.evaluate(asked, given)
        reference = policy.reference_log_probs(asked, given)
        figures = (said.log_probs, said.values, said.entropy, reference)
        found.append([each[mask] for each in figures])
        policy.zero_grad()
        (said.log_probs + said.values)[mask].sum().backward()
        gradients.append([value.grad for value in policy.trained().values()])
    for wanted, got in ((found[0], found[1]), (gradients[0], gradients[1])):
        for one, other in zip(wanted, got, strict=True):
            assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)
    assert (found[0][0] - found[0][-1]).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_step_leaves_the_weights_that_it_leaves_without(
    kind: str, make_policy: MakePolicy
) -> None:
    after, config = [], small_config(epochs=3)
    for trunk in (True, False):
        policy = frozen_policy(kind, make_policy)
        policy.depth = policy.depth if trunk else 0
        draws, order = (torch.Generator().manual_seed(5) for _ in range(2))
        sampled = sample(policy, QUERIES[:8], [many_b()], config, draws)
        assert (sampled.answers.states is not None) == trunk
        optimizer = make_optimizer(policy, config.learning_rate)
        learn(policy, optimizer, collect(sampled, 0.1, config), config, order)
        after.append(policy.trained())
    for name, value in after[0].items():
        assert torch.allclose(value, after[1][name], atol=1e-5), name


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_a_frozen_block_runs_once_over_an_answer(
    algorithm: str, make_policy: MakePolicy, tmp_path: Path
) -> None:
    policy = frozen_policy("gpt2", make_policy)
    passes: list[int] = []
    for model in (policy.model, policy.reference):
        model.transformer.h[0].register_forward_hook(
            lambda _module, _given, output: passes.append(output.shape[1] > 1)
        )
    config = small_config(algorithm=algorithm, steps=1, epochs=3, generations=2)
    run = train if algorithm == "ppo" else train_with_trl
    run(policy, QUERIES[:8], QUERIES[:8], [many_b()], config, tmp_path)
    assert sum(passes) == 3  # to begin drawing before, in and after the step; then the cache helps


def test_where_nothing_is_frozen_from_the_bottom_up_there_is_no_trunk(
    make_policy: MakePolicy,
) -> None:
    from tasks.config.strategies import strategy
    from tasks.models.adapting import adapt

    assert frozen_policy("gpt2", make_policy, "full").depth == 0
    adapted = make_policy("causal").model
    adapt(adapted.base_model, strategy("lora_2"), seed=0)
    assert CausalPolicy(adapted, word_tokenizer()).depth == 0
    assert frozen_policy("llama", make_policy, "head").depth == 2  # of three blocks
    thawed = make_policy("causal").model.requires_grad_(False)
    thawed.transformer.wpe.requires_grad_(True)
    assert CausalPolicy(thawed, word_tokenizer()).depth == 0
