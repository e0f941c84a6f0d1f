"""The tail computes what the whole model computes, from the states that its trunk stored."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from part_loss import part_loss
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from tiny import BLOCKS

from tasks.language.pairs import IGNORED, PairCollator, encode_pairs, pad_right
from tasks.language.tail import TailLanguageModel, WholeLanguageModel
from tasks.models.anatomy import frozen_parameters
from tasks.training.batching import PaddingCollator
from tasks.training.encoding import EncodedPart
from tasks.training.trunk_pass import Pass, run_pass, stack

FAMILIES = ["gpt2", "llama", "llama-tied"]
_MODELS: dict = {}


@pytest.fixture(autouse=True, scope="module")
def _models(decoder) -> None:
    _MODELS.update({family: decoder(family) for family in FAMILIES})


def batch_of(lengths: list[int], seed: int, left: bool = False) -> dict[str, torch.Tensor]:
    """Random ids and labels, padded; about half of the positions are supervised."""
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    ids = torch.randint(10, 200, (len(lengths), width), generator=generator)
    labels = torch.where(torch.rand(ids.shape, generator=generator) < 0.5, ids, IGNORED)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        place = slice(width - length, width) if left else slice(0, length)
        mask[row, place] = 1
        labels[row, place.start] = IGNORED
    return {"input_ids": ids, "attention_mask": mask, "labels": labels.masked_fill(mask == 0, -100)}


def states_at(model, batch: dict[str, torch.Tensor], depth: int) -> torch.Tensor:
    """What block `depth` of the whole model reads."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    position = (batch["attention_mask"].cumsum(1) - 1).clamp(min=0)
    hidden = model(**inputs, position_ids=position, output_hidden_states=True).hidden_states
    return hidden[depth]


@settings(deadline=None, max_examples=40)
@given(
    family=st.sampled_from(FAMILIES),
    lengths=st.lists(st.integers(2, 20), min_size=1, max_size=5),
    depth=st.integers(0, BLOCKS - 1),
    left=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_tail_gives_the_whole_models_loss_and_logits(
    family: str, lengths: list[int], depth: int, left: bool, seed: int
) -> None:
    model, _ = _MODELS[family]
    batch = batch_of(lengths, seed, left)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        whole = model(**batch, position_ids=(batch["attention_mask"].cumsum(1) - 1).clamp(min=0))
        hidden = states_at(model, batch, depth)
        tail = TailLanguageModel(model, depth).eval()
        mask = batch["attention_mask"]
        logits = tail(hidden=hidden, attention_mask=mask)["logits"]
        loss = tail(hidden=hidden, attention_mask=mask, labels=batch["labels"])["loss"]
        own = WholeLanguageModel(model).eval()(**batch)["loss"]
    torch.testing.assert_close(logits[real], whole.logits[real], atol=1e-4, rtol=1e-4)
    if (batch["labels"][:, 1:] != IGNORED).any():
        torch.testing.assert_close(loss, whole.loss, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(own, whole.loss, atol=1e-4, rtol=1e-4)
    else:
        assert loss == own == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_the_output_layer_runs_at_supervised_positions_alone(family: str, decoder) -> None:
    model, _ = decoder(family)
    seen: list[torch.Size] = []
    model.get_output_embeddings().register_forward_hook(
        lambda _m, _i, output: seen.append(output.shape)
    )
    batch = batch_of([9, 4, 12], 3)
    wanted = int((batch["labels"][:, 1:] != IGNORED).sum())
    WholeLanguageModel(model)(**batch)
    assert [shape[:-1] for shape in seen] == [(wanted,)]
    assert wanted < batch["attention_mask"].sum()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("depth", [1, BLOCKS - 1, BLOCKS])
def test_training_the_tail_trains_the_whole_model_alike(family: str, depth: int, decoder) -> None:
    model, _ = decoder(family)
    twin = copy.deepcopy(model)
    for each in (model, twin):
        for parameter in frozen_parameters(each.base_model, depth):
            parameter.requires_grad_(False)
    batch = batch_of([9, 4, 12], 5)
    before = twin.get_input_embeddings().weight.clone()
    with torch.no_grad():
        # The hidden states that transformers lists last have been through the final norm.
        hidden = _before_norm(model, batch) if depth == BLOCKS else states_at(model, batch, depth)
    tail = TailLanguageModel(model, depth)
    for part, inputs in (
        (tail, {"hidden": hidden, **{n: batch[n] for n in ("attention_mask", "labels")}}),
        (WholeLanguageModel(twin), batch),
    ):
        part.eval()  # no dropout, so that both can be compared
        trained = [p for p in part.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=0.01)
        part(**inputs)["loss"].backward()
        optimizer.step()
    changed = [
        name
        for (name, mine), (_, theirs) in zip(
            model.named_parameters(), twin.named_parameters(), strict=True
        )
        if not torch.allclose(mine, theirs, atol=1e-5)
    ]
    assert changed == []
    # Tied, the output layer is frozen with the embeddings; otherwise it trains.
    assert torch.equal(before, model.get_input_embeddings().weight)
    assert model.get_output_embeddings().weight.requires_grad == (family == "llama")


def _before_norm(model, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    found: list[torch.Tensor] = []
    blocks = next(m for m in model.base_model.modules() if isinstance(m, torch.nn.ModuleList))
    hook = blocks[-1].register_forward_hook(
        lambda _m, _i, output: found.append(output[0] if isinstance(output, tuple) else output)
    )
    WholeLanguageModel(model).eval()(**batch)
    hook.remove()
    return found[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tail_on_stored_states_measures_what_the_whole_model_does(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    whole = WholeLanguageModel(model)
    pairs = encode_pairs(
        [f"{'p' * n}:" for n in range(1, 12)],
        [f" {'xy' * (12 - n)}" for n in range(1, 12)],
        tokenizer,
        64,
    )
    part = EncodedPart(pairs.rows, [str(i) for i in pairs.kept], np.zeros((11, 0)), 0)
    states = run_pass(
        Pass(
            model=whole,
            part=part,
            keys={2: f"{family}-2", 4: f"{family}-4"},
            key_below=lambda depth: f"{family}-{depth}",
            dtype="float32",
            collator=PaddingCollator(tokenizer.pad_token_id),
            title="test",
        )
    )
    wanted = part_loss(whole, pairs.rows, PairCollator(tokenizer.pad_token_id))
    rows = pairs.rows.add_column("row", list(range(len(pairs.rows))))
    for depth, stored in states.items():

        def collate(examples, stored=stored):
            batch = stack([stored.row(example["row"]) for example in examples])
            return batch | {"labels": pad_right([e["labels"] for e in examples], IGNORED)}

        found = part_loss(TailLanguageModel(model, depth), rows, collate)
        assert found.tokens == wanted.tokens
        assert found.loss == pytest.approx(wanted.loss, abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_adapters_take_part_in_the_loss(family: str, decoder) -> None:
    model, _ = decoder(family)
    batch = batch_of([9, 4, 12], 6)
    plain = WholeLanguageModel(model).eval()(**batch)["loss"].item()
    config = LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False)
    adapted = get_peft_model(model, config).eval()
    loss = WholeLanguageModel(adapted)(**batch)["loss"]
    position = (batch["attention_mask"].cumsum(1) - 1).clamp(min=0)
    torch.testing.assert_close(loss, adapted(**batch, position_ids=position).loss)
    assert abs(loss.item() - plain) > 1e-3
    loss.backward()
    grads = [p.grad for name, p in adapted.named_parameters() if "lora_" in name]
    assert grads
    assert all(grad is not None for grad in grads)


def test_soft_prompts_are_refused_rather_than_left_out(decoder) -> None:
    model, _ = decoder("gpt2")
    prompted = get_peft_model(
        model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    )
    with pytest.raises(ValueError, match="soft prompts"):
        WholeLanguageModel(prompted)
