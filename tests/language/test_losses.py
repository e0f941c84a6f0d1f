"""The loss in blocks equals the loss at once, and a part's loss weighs every token alike."""

import math

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from part_loss import part_loss
from torch import nn

from tasks.language.losses import cross_entropies, row_nats, supervised
from tasks.language.pairs import IGNORED, PairCollator, encode_pairs
from tasks.language.tail import WholeLanguageModel


def test_a_position_predicts_the_token_after_it() -> None:
    hidden = torch.arange(8.0).reshape(2, 4, 1)
    labels = torch.tensor([[IGNORED, IGNORED, 7, 8], [5, IGNORED, IGNORED, 9]])
    states, targets = supervised(hidden, labels)
    assert states.flatten().tolist() == [1.0, 2.0, 6.0]
    assert targets.tolist() == [7, 8, 9]  # 5 stands first: nothing predicts it


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(0, 40),
    at_once=st.integers(1, 50),
    vocabulary=st.integers(2, 60),
    seed=st.integers(0, 99),
)
def test_blocks_change_neither_loss_nor_gradients(
    count: int, at_once: int, vocabulary: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(6, vocabulary)
    states = torch.randn(count, 6, generator=generator, requires_grad=True)
    targets = torch.randint(vocabulary, (count,), generator=generator)
    plain = nn.functional.cross_entropy(head(states), targets, reduction="none")
    weights = torch.rand(count, generator=generator)
    wanted = torch.autograd.grad((plain * weights).sum(), [states, *head.parameters()])
    found = cross_entropies(states, targets, head, at_once)
    torch.testing.assert_close(found, plain)
    gradients = torch.autograd.grad((found * weights).sum(), [states, *head.parameters()])
    torch.testing.assert_close(gradients, wanted)
    with torch.inference_mode():
        torch.testing.assert_close(cross_entropies(states, targets, head, at_once), plain)


@pytest.mark.parametrize("training", [True, False])
def test_no_more_logits_than_asked_for_exist_at_one_time(training: bool) -> None:
    seen: list[int] = []
    head = nn.Linear(6, 30)
    head.register_forward_hook(lambda _m, _i, output: seen.append(len(output)))
    with torch.set_grad_enabled(training):
        loss = cross_entropies(torch.randn(25, 6), torch.zeros(25, dtype=torch.long), head, 8)
    assert seen == [8, 8, 8, 1]
    if training:
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append(t.numel()) or t, lambda t: t
        ):
            loss = cross_entropies(torch.randn(25, 6), torch.zeros(25, dtype=torch.long), head, 8)
        assert max(kept, default=0) < 8 * 30  # no block of logits waits for the way back
        loss.sum().backward()


def test_each_row_has_its_own_sum() -> None:
    torch.manual_seed(0)
    head, hidden = nn.Linear(4, 9), torch.randn(3, 6, 4)
    labels = torch.randint(9, (3, 6))
    labels[0, :4] = labels[1] = IGNORED
    found = row_nats(hidden, labels, head)
    scores = head(hidden).log_softmax(-1).detach()
    wanted = [
        -sum(scores[row, t - 1, labels[row, t]] for t in range(1, 6) if labels[row, t] != IGNORED)
        for row in range(3)
    ]
    torch.testing.assert_close(found, torch.tensor([float(value) for value in wanted]))
    assert found[1] == 0


@pytest.mark.parametrize("family", ["gpt2", "llama-tied"])
def test_a_batch_without_anything_to_learn_costs_nothing(family: str, decoder) -> None:
    model, _ = decoder(family)
    ids = torch.ones(2, 3, dtype=torch.long)
    output = WholeLanguageModel(model)(ids, ids, torch.full((2, 3), IGNORED))
    output["loss"].backward()
    assert output["loss"].item() == 0


def test_accumulated_batches_weigh_every_token_alike(decoder) -> None:
    model, _ = decoder("gpt2")
    whole = WholeLanguageModel(model).eval()
    ids = torch.randint(10, 200, (2, 6), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[0, :4] = labels[:, 0] = IGNORED
    mask = torch.ones_like(ids)
    together = whole(ids, mask, labels)["loss"]
    rows = [[0], [1]]
    apart = sum(whole(ids[r], mask[r], labels[r], num_items_in_batch=7)["loss"] for r in rows)
    torch.testing.assert_close(apart, together)


@pytest.fixture
def encoded(decoder):
    _, tokenizer = decoder("gpt2")
    prompts = [f"{'p' * n}:" for n in range(1, 9)]
    answers = [f" {'xyz' * (9 - n)}" for n in range(1, 9)]
    return encode_pairs(prompts, answers, tokenizer, 90), tokenizer


@pytest.mark.parametrize("family", ["gpt2", "llama", "llama-tied"])
@pytest.mark.parametrize("budget", [1, 60, 4096])
def test_a_parts_loss_does_not_depend_on_its_batches(
    family: str, budget: int, decoder, encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.training.trunk_pass.TOKENS_A_BATCH", budget)
    model, _ = decoder(family)
    pairs, tokenizer = encoded
    total, count = 0.0, 0
    for row in pairs.rows:  # by hand, token by token
        with torch.no_grad():
            scores = model(torch.tensor([row["input_ids"]])).logits[0].log_softmax(-1)
        for place in range(1, row["length"]):
            if row["labels"][place] != IGNORED:
                total -= float(scores[place - 1, row["labels"][place]])
                count += 1
    collate = PairCollator(tokenizer.pad_token_id)
    found = part_loss(WholeLanguageModel(model), pairs.rows, collate)
    assert found.tokens == count == pairs.supervised
    assert found.loss == pytest.approx(total / count, rel=1e-4)
    assert found.perplexity == pytest.approx(math.exp(total / count), rel=1e-3)
    for row, labels in enumerate(pairs.rows["labels"]):  # each figure stands at its own row
        alone = part_loss(WholeLanguageModel(model), pairs.rows.select([row]), collate)
        assert alone.nats[0] == pytest.approx(found.nats[row], rel=1e-4)
        assert found.counts[row] == sum(label != IGNORED for label in labels)


def test_measuring_leaves_the_model_in_training(decoder, encoded) -> None:
    model, _ = decoder("gpt2")
    whole = WholeLanguageModel(model).train()
    pairs, tokenizer = encoded
    first = part_loss(whole, pairs.rows, PairCollator(tokenizer.pad_token_id))
    assert model.training
    again = part_loss(whole, pairs.rows, PairCollator(tokenizer.pad_token_id))
    assert (first.nats == again.nats).all()  # nothing was dropped


def test_a_part_without_supervised_tokens_has_no_loss(decoder) -> None:
    model, _ = decoder("gpt2")
    rows = Dataset.from_dict({"input_ids": [[5, 6]], "labels": [[IGNORED] * 2], "length": [2]})
    found = part_loss(WholeLanguageModel(model), rows, PairCollator(0))
    assert math.isnan(found.loss)
    assert found.tokens == 0
