"""Both policies say of a batch what they say of each row alone, and what the plain model says."""

import pytest
import torch
from kinds.policy.rl_parts import KINDS, MakePolicy
from torch import nn

from tasks.errors import ThawError
from tasks.kinds.policy.tokens import pad_answers

PROMPTS = [[5, 6, 7, 8], [9], [10, 11], [3, 4, 5]]
ANSWERS = [[2, 3, 1], [5, 6, 7, 0, 9, 1], [1], []]
CPU = torch.device("cpu")


def plain_log_probs(policy, prompt: list[int], answer: list[int]) -> list[float]:
    """One row, one token at a time, with neither padding nor cache."""
    found = []
    for place, token in enumerate(answer):
        if policy.shares_context:
            ids = torch.tensor([prompt + answer[:place]])
            logits = policy.model(input_ids=ids).logits
        else:
            ids = torch.tensor([[0, *answer[:place]]])
            logits = policy.model(input_ids=torch.tensor([prompt]), decoder_input_ids=ids).logits
        found.append((logits[0, -1] / policy.temperature).log_softmax(-1)[token].item())
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_batch_have_the_log_probabilities_that_they_have_alone(
    kind: str, temperature: float, make_policy: MakePolicy
) -> None:
    policy = make_policy(kind, temperature=temperature)
    prompts, answers = policy.read(PROMPTS), pad_answers(ANSWERS, 0, CPU)
    with torch.no_grad():
        found = policy.evaluate(prompts, answers)
        for row, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
            wanted = torch.tensor(plain_log_probs(policy, prompt, answer))
            assert torch.allclose(found.log_probs[row, : len(answer)], wanted, atol=1e-5)
    assert torch.allclose(policy.reference_log_probs(prompts, answers), found.log_probs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_some_rows_of_a_batch_are_evaluated_without_its_padding(
    kind: str, make_policy: MakePolicy
) -> None:
    policy = make_policy(kind)
    nn.init.normal_(policy.value_head.weight)
    prompts, answers = policy.read(PROMPTS), pad_answers(ANSWERS, 0, CPU)
    rows = torch.tensor([2, 0])
    few, short = prompts.take(rows), answers.take(rows)
    assert (few.ids.shape, short.ids.shape) == ((2, 4), (2, 3))
    with torch.no_grad():
        whole, part = policy.evaluate(prompts, answers), policy.evaluate(few, short)
    real = short.mask.bool()
    for name in ("log_probs", "values", "entropy"):
        wanted = getattr(whole, name)[rows, :3]
        assert torch.allclose(getattr(part, name)[real], wanted[real], atol=1e-5), name


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_policys_own_distribution(
    kind: str, temperature: float, make_policy: MakePolicy
) -> None:
    policy = make_policy(kind, temperature=temperature)
    prompts = policy.read([PROMPTS[0]] * 4000)
    _, answers = policy.sample(prompts, 2, torch.Generator().manual_seed(0))
    one = policy.read([PROMPTS[0]])
    singles = [pad_answers([[token]], 0, CPU) for token in range(12)]
    with torch.no_grad():
        wanted = [policy.evaluate(one, single).log_probs.exp().item() for single in singles]
    counted = torch.bincount(answers.ids[:, 0], minlength=12) / 4000
    assert sum(wanted) == pytest.approx(1, abs=1e-4)
    assert torch.allclose(counted, torch.tensor(wanted), atol=0.03)
    # And so does the second token, drawn with the cache, behind the most usual first one.
    first = int(counted.argmax()) if int(counted.argmax()) != 1 else int(counted.argsort()[-2])
    behind = answers.ids[answers.ids[:, 0] == first, 1]
    pairs = [pad_answers([[first, token]], 0, CPU) for token in range(12)]
    with torch.no_grad():
        wanted = [policy.evaluate(one, pair).log_probs[0, 1].exp().item() for pair in pairs]
    counted = torch.bincount(behind, minlength=12) / len(behind)
    assert torch.allclose(counted, torch.tensor(wanted), atol=4 / len(behind) ** 0.5 / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_ends_at_its_end_token_or_at_the_limit(
    kind: str, make_policy: MakePolicy
) -> None:
    policy = make_policy(kind)
    _, answers = policy.sample(policy.read(PROMPTS * 8), 6, torch.Generator().manual_seed(1))
    lengths = set()
    for row in answers.rows():
        assert 1 not in row[:-1]
        assert row[-1] == 1 or len(row) == 6
        lengths.add(len(row))
    assert len(lengths) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_has_ended_is_no_longer_computed(kind: str, make_policy: MakePolicy) -> None:
    policy = make_policy(kind)
    rows: list[int] = []
    policy.model.get_output_embeddings().register_forward_hook(
        lambda _m, _i, output: rows.append(len(output))
    )
    _, answers = policy.sample(policy.read(PROMPTS * 8), 6, torch.Generator().manual_seed(1))
    assert sum(rows) == int(answers.lengths.sum())


def test_each_prompt_is_encoded_once_for_all_three(make_policy: MakePolicy) -> None:
    policy = make_policy("encoder_decoder")
    passes: list[int] = []
    for model in (policy.model, policy.reference):
        model.get_encoder().register_forward_hook(lambda *_: passes.append(1))
    prompts = policy.read(PROMPTS)
    _, answers = policy.sample(prompts, 4, torch.Generator().manual_seed(0))
    for _ in range(3):
        policy.evaluate(prompts, answers)
        policy.reference_log_probs(prompts, answers)
    assert len(passes) == 1


def test_an_encoder_that_trains_is_run_each_time_and_gets_gradients(
    make_policy: MakePolicy,
) -> None:
    policy = make_policy("encoder_decoder", freeze_encoder=False)
    prompts, answers = policy.read(PROMPTS), pad_answers(ANSWERS, 0, CPU)
    assert prompts.states is None
    policy.evaluate(prompts, answers).log_probs.sum().backward()
    encoder = policy.model.get_encoder().block[0].layer[0].SelfAttention.q.weight
    assert encoder.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_stays_where_the_policy_began(kind: str, make_policy: MakePolicy) -> None:
    policy = make_policy(kind)
    prompts, answers = policy.read(PROMPTS), pad_answers(ANSWERS, 0, CPU)
    before = policy.reference_log_probs(prompts, answers)
    with torch.no_grad():
        for value in policy.trained().values():
            value.add_(0.1 * torch.randn(value.shape))
        moved = policy.evaluate(prompts, answers).log_probs
    assert torch.equal(policy.reference_log_probs(prompts, answers), before)
    assert (moved - before).abs().max() > 0.01
    assert not any(name.startswith("reference.") for name in policy.trained())


def test_what_does_not_train_is_shared_with_the_reference(make_policy: MakePolicy) -> None:
    policy = make_policy("encoder_decoder")
    own = {id(value) for value in policy.model.parameters()}
    copied = [value for value in policy.reference.parameters() if id(value) not in own]
    trained = {n: v for n, v in policy.trained().items() if n.startswith("model.")}
    assert sum(v.numel() for v in copied) == sum(v.numel() for v in trained.values())


@pytest.mark.parametrize("kind", KINDS)
def test_with_lora_the_reference_is_the_policy_without_it(
    kind: str, make_policy: MakePolicy
) -> None:
    from tasks.config.strategies import strategy
    from tasks.models.adapting import adapt

    plain = make_policy(kind)
    adapted = make_policy(kind)
    adapt(adapted.model, strategy("lora_2"), seed=0)
    policy = type(plain)(adapted.model, plain.tokenizer)
    assert policy.reference is None
    assert all("lora_" in name or "value_head" in name for name in policy.trained())
    with torch.no_grad():
        for name, value in policy.trained().items():
            if "lora_B" in name:
                value.normal_()
    prompts, answers = policy.read(PROMPTS), pad_answers(ANSWERS, 0, CPU)
    with torch.no_grad():
        wanted = plain.evaluate(plain.read(PROMPTS), answers).log_probs
        moved = policy.evaluate(prompts, answers).log_probs
    assert torch.allclose(policy.reference_log_probs(prompts, answers), wanted, atol=1e-5)
    assert (moved - wanted).abs().max() > 0.01
    assert torch.allclose(policy.evaluate(prompts, answers).log_probs, moved)  # on again
    assert all(value.requires_grad for value in policy.trained().values())


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_keeps_figures_in_float32(kind: str, make_policy: MakePolicy) -> None:
    policy, half = make_policy(kind), make_policy(kind, bf16=True)
    answers = pad_answers(ANSWERS, 0, CPU)
    with torch.no_grad():
        wanted = policy.evaluate(policy.read(PROMPTS), answers)
        found = half.evaluate(half.read(PROMPTS), answers)
    real = answers.mask.bool()
    assert found.log_probs.dtype == found.values.dtype == torch.float32
    assert torch.allclose(found.log_probs[real], wanted.log_probs[real], atol=0.2)
    assert not torch.equal(found.log_probs[real], wanted.log_probs[real])


def test_texts_are_without_special_tokens(make_policy: MakePolicy) -> None:
    policy = make_policy("causal")
    assert policy.texts(pad_answers([[2, 3, 1], [1], [], [0, 4]], 0, CPU)) == ["a b", "", "", "c"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_policy_draws_nothing_and_says_why(kind: str, make_policy: MakePolicy) -> None:
    policy = make_policy(kind)
    policy.model.get_output_embeddings().weight.data.fill_(float("nan"))
    with pytest.raises(ThawError, match="probabilities are not numbers"):
        policy.sample(policy.read([[3]]), 4, torch.Generator())
