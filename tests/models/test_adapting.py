"""Soft prompts and LoRA on every family: where they stand, what the head reads, what they start as.

The hand-made computations below do without the classifier: one text at a time, no padding, word
embeddings put behind the prompt, and the backbone's own way of counting positions.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PromptEmbedding, PromptTuningConfig
from tiny import BLOCKS, FAMILIES, WIDTH
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, ElectraConfig
from transformers.pytorch_utils import Conv1D

from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.models.adapting import adapt, merge, soft_prompt
from tasks.models.anatomy import context_length
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, Pooling, TextClassifier
from tasks.models.loading import load_backbone, load_tokenizer

TOKENS = 3
TEXTS = ([10, 11, 12, 13, 14], [20, 21], [30, 31, 32])
PAD = 1


def prompted(folder: Path, pooling: Pooling = "mean", tokens: int = TOKENS) -> TextClassifier:
    """A classifier behind a prompt of random numbers, as far from any word as training goes."""
    backbone = load_backbone(locate(str(folder)))
    model = TextClassifier(backbone, HeadConfig(labels=3, pooling=pooling), seed=4)
    model.prompt = nn.Embedding(tokens, WIDTH)
    return model.eval()


def padded(left: bool) -> tuple[Tensor, Tensor]:
    """The texts in one batch: ids and mask, padding on the left or on the right."""
    width = max(map(len, TEXTS)) + 1
    ids, mask = torch.full((len(TEXTS), width), PAD), torch.zeros(len(TEXTS), width).long()
    for row, text in enumerate(TEXTS):
        place = slice(width - len(text), width) if left else slice(0, len(text))
        ids[row, place], mask[row, place] = torch.tensor(text), 1
    return ids, mask


def states_by_hand(model: TextClassifier, text: list[int]) -> Tensor:
    """(n + tokens, width): last hidden states of prompt and text, without mask or positions."""
    assert model.prompt is not None
    words = model.backbone.get_input_embeddings()(torch.tensor(text))
    whole = torch.cat([model.prompt.weight, words])[None]
    return model.backbone(inputs_embeds=whole)[0][0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("left", [False, True], ids=["padded right", "padded left"])
@pytest.mark.parametrize(
    ("pooling", "by_hand"),
    [
        ("cls", lambda states: states[TOKENS]),  # [CLS] itself, which stands behind n tokens
        ("first", lambda states: states[TOKENS]),
        ("mean", lambda states: states[TOKENS:].mean(0)),
        ("last", lambda states: states[-1]),
    ],
)
def test_the_head_reads_the_texts_own_tokens_and_no_virtual_one(
    family: str,
    left: bool,
    pooling: Pooling,
    by_hand: Callable[[Tensor], Tensor],
    tiny: Callable[[str], Path],
) -> None:
    model = prompted(tiny(family), pooling)
    pooled = torch.stack([by_hand(states_by_hand(model, text)) for text in TEXTS])
    found = model(*padded(left))["logits"]
    torch.testing.assert_close(found, model.head(pooled), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_of_a_prompt_counts(family: str, tiny: Callable[[str], Path]) -> None:
    model = prompted(tiny(family))
    before = model(*padded(left=False))["logits"]
    assert model.prompt is not None
    for token in range(TOKENS):
        with torch.no_grad():
            model.prompt.weight[token] += 5 * torch.arange(WIDTH).cos()
        after = model(*padded(left=False))["logits"]
        assert (after - before).abs().max() > 1e-4
        before = after


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_of_words_is_those_words_before_the_text(
    family: str, tiny: Callable[[str], Path]
) -> None:
    model = prompted(tiny(family), "last")
    words = torch.tensor([40, 41, 42])
    model.prompt = nn.Embedding.from_pretrained(
        model.backbone.get_input_embeddings().weight[words].detach()
    )
    behind = model(torch.tensor([TEXTS[0]]), torch.ones(1, 5).long())["logits"]
    model.prompt = None
    ids = torch.cat([words, torch.tensor(TEXTS[0])])[None]
    torch.testing.assert_close(model(ids, torch.ones_like(ids))["logits"], behind)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_fits_behind_the_prompt_and_no_longer_one(
    family: str, tiny: Callable[[str], Path]
) -> None:
    model = prompted(tiny(family))
    context = context_length(model.backbone.config)
    assert context == (398 if family == "roberta" else 192)
    longest = model.longest_text
    assert longest == context - TOKENS
    ids = torch.full((1, longest), 10)
    assert model(ids, torch.ones_like(ids))["logits"].isfinite().all()
    if family != "llama":  # whose positions are no table
        with pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, longest + 1), 10), torch.ones(1, longest + 1).long())


# --- how a prompt starts ----------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_starts_as_words_that_are_no_special_tokens(
    family: str, tiny: Callable[[str], Path]
) -> None:
    located = locate(str(tiny(family)))
    backbone, tokenizer = load_backbone(located), load_tokenizer(located)
    prompt = soft_prompt(backbone, tokenizer, 300, seed=5)
    assert prompt.weight.shape == (300, WIDTH)
    assert prompt.weight.requires_grad
    table = backbone.get_input_embeddings().weight
    nearest = torch.cdist(prompt.weight, table).argmin(1)
    assert torch.equal(prompt.weight, table[nearest])
    assert not set(nearest.tolist()) & set(tokenizer.all_special_ids)
    assert len(set(nearest.tolist())) > 100  # drawn from all over the vocabulary


def test_a_prompt_depends_on_its_seed_and_draws_nothing_from_the_run(tiny_bert: Path) -> None:
    located = locate(str(tiny_bert))
    backbone, tokenizer = load_backbone(located), load_tokenizer(located)

    def start(seed: int) -> Tensor:
        return soft_prompt(backbone, tokenizer, 4, seed).weight

    torch.manual_seed(1)
    first, drawn = start(7), torch.rand(3)
    torch.manual_seed(1)
    torch.testing.assert_close(torch.rand(3), drawn, rtol=0, atol=0)
    torch.testing.assert_close(start(7), first, rtol=0, atol=0)
    assert not torch.equal(start(8), first)


@pytest.mark.parametrize("tokens", [2, 5, 13])
def test_a_prompt_starts_as_chosen_words_as_pefts_does(tiny_gpt2: Path, tokens: int) -> None:
    located = locate(str(tiny_gpt2))
    backbone, tokenizer = load_backbone(located), load_tokenizer(located)
    text = "is the coach a ghost"
    ours = soft_prompt(backbone, tokenizer, tokens, seed=1, text=text)
    config = PromptTuningConfig(
        task_type="FEATURE_EXTRACTION",
        num_virtual_tokens=tokens,
        token_dim=WIDTH,
        num_transformer_submodules=1,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text=text,
        tokenizer_name_or_path=str(tiny_gpt2),
    )
    theirs = PromptEmbedding(config, backbone.get_input_embeddings()).embedding
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=0)


def test_special_tokens_are_no_start_of_a_prompt(tiny_bert: Path) -> None:
    located = locate(str(tiny_bert))
    backbone, tokenizer = load_backbone(located), load_tokenizer(located)
    words = backbone.get_input_embeddings().weight
    made = soft_prompt(backbone, tokenizer, 3, seed=1, text="[SEP] ghost [PAD]").weight
    ghost = tokenizer.convert_tokens_to_ids("ghost")
    torch.testing.assert_close(made, words[[ghost] * 3], rtol=0, atol=0)
    with pytest.raises(RequestError, match="has no word that the base model's tokenizer knows"):
        soft_prompt(backbone, tokenizer, 3, seed=1, text="🫠")


# --- adapters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_stands_around_every_linear_layer_of_a_block(
    family: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    linear = {n for n, m in backbone.named_modules() if isinstance(m, nn.Linear | Conv1D)}
    adapt(backbone, strategy("lora_2"), seed=1)
    around = {n.removesuffix(".lora_A") for n, _ in backbone.named_modules() if "lora_A" in n[-6:]}
    assert around == linear
    assert len(around) % BLOCKS == 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["lora_2", "dora_2", "ia3"])
def test_adapters_start_as_nothing_and_merge_into_the_same_answers(
    family: str, name: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    model = TextClassifier(backbone, HeadConfig(labels=3, pooling="mean")).eval()
    names = [each for each, _ in model.named_parameters()]
    untouched = model(*padded(left=False))["logits"]
    adapt(backbone, strategy(name), seed=1)
    torch.testing.assert_close(model(*padded(left=False))["logits"], untouched)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "magnitude" in parameter_name or ".ia3_" in parameter_name:  # never negative
                parameter.mul_(1 + 2 * torch.rand_like(parameter))
            elif strategy(name).trains(parameter_name):
                parameter.normal_(std=0.3)
    trained = model(*padded(left=False))["logits"]
    assert (trained - untouched).abs().max() > 1e-3  # a hundred times what merging may differ by
    merge(backbone)
    assert [each for each, _ in model.named_parameters()] == names
    merged = model(*padded(left=False))["logits"]
    torch.testing.assert_close(merged, trained, atol=1e-5, rtol=0)
    model.save(tmp_path / "model")
    back = TextClassifier.load(tmp_path / "model")(*padded(left=False))["logits"]
    torch.testing.assert_close(back, merged, atol=0, rtol=0)


def test_loras_random_half_depends_on_its_seed_alone(tiny_bert: Path) -> None:
    def start(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed + 100)
        backbone = load_backbone(locate(str(tiny_bert)))
        torch.rand(seed)
        adapt(backbone, strategy("lora_2"), seed % 10)
        return {n: p for n, p in backbone.named_parameters() if ".lora_A." in n}

    first, same, other = start(3), start(13), start(4)
    for name, weight in first.items():
        assert torch.equal(weight, same[name])
        assert not torch.equal(weight, other[name])


def test_lora_takes_a_family_whose_blocks_thaw_does_not_know() -> None:
    config = ElectraConfig(
        vocab_size=20, embedding_size=8, hidden_size=8, num_hidden_layers=2, num_attention_heads=1
    )
    backbone = AutoModel.from_config(config)
    adapt(backbone, strategy("lora_1"), seed=1)
    assert sum("lora_A" in name for name, _ in backbone.named_parameters()) == 2 * 6


def test_lora_drops_out_as_it_is_told(tiny_bert: Path) -> None:
    for rate in (0.0, 0.25):
        backbone = load_backbone(locate(str(tiny_bert)), dropout=rate)
        adapt(backbone, strategy("lora_2"), seed=1, dropout=rate)
        assert {m.p for m in backbone.modules() if isinstance(m, nn.Dropout)} == {rate}


def test_doras_lengths_are_those_of_the_weights_rows(tiny_bert: Path) -> None:
    backbone = load_backbone(locate(str(tiny_bert)))
    lengths = {n: m.weight.norm(dim=1) for n, m in backbone.named_modules() if type(m) is nn.Linear}
    adapt(backbone, strategy("dora_2"), seed=1)
    found = {
        name.partition(".lora_magnitude_vector")[0]: value
        for name, value in backbone.named_parameters()
        if "magnitude" in name
    }
    assert found.keys() == lengths.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, lengths[name])


@pytest.mark.parametrize("name", ["full", "head", "freeze_1", "prompt_4", "bitfit"])
def test_a_strategy_without_an_adapter_puts_none_in_place(tiny_bert: Path, name: str) -> None:
    backbone = load_backbone(locate(str(tiny_bert)))
    before = dict(backbone.named_parameters())
    adapt(backbone, strategy(name), seed=1)
    merge(backbone)
    assert dict(backbone.named_parameters()).keys() == before.keys()


@pytest.mark.parametrize("named", ["lora_2", "ia3"])
def test_a_linear_layer_that_gives_more_than_its_product_is_passed_over(named: str) -> None:
    config = AutoConfig.for_model(
        "llama4_text",
        vocab_size=64,
        pad_token_id=1,
        hidden_size=32,
        intermediate_size=32,
        intermediate_size_mlp=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        num_local_experts=2,
    )
    backbone = AutoModel.from_config(config).eval()
    ids = torch.tensor([[5, 6, 7]])
    wanted = backbone(input_ids=ids)[0]
    adapt(backbone, strategy(named), seed=0)
    torch.testing.assert_close(backbone(input_ids=ids)[0], wanted)
    assert any(strategy(named).trains(name) for name, _ in backbone.named_parameters())
