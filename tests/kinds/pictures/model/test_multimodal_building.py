"""Joining checkpoints: which parts fit, what is kept of them, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kinds.pictures.model.joined_parts import Joined, decoder_config, image_config, text_config
from tiny import bert_tokenizer, byte_tokenizer

from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.model.building import load_joined
from tasks.kinds.pictures.model.tokens import with_answer_tokens

Join = Callable[..., Joined]


def test_checkpoints_keep_their_weights(
    join: Join, tiny_distilbert: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    from transformers import AutoModel, ViTModel

    ViTModel(image_config()).half().save_pretrained(tmp_path)  # dinov2-small too is float16
    joined = join(text_encoder=tiny_distilbert, image_encoder=tmp_path, decoder=tiny_gpt2)
    model = joined.model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for folder, part in (
        (tiny_distilbert, model.text_encoder),
        (tmp_path, model.image_encoder),
        (tiny_gpt2, model.decoder.transformer),
    ):
        kept = part.state_dict()
        for name, value in AutoModel.from_pretrained(
            folder, dtype=torch.float32
        ).named_parameters():
            if not name.startswith("pooler"):
                assert torch.equal(kept[name][: len(value)], value), name
    assert joined.model.generate(**joined.batch, max_new_tokens=3).shape[0] == 3


def test_what_is_new_depends_on_the_seed_alone(join: Join) -> None:
    first, same, other = (join(seed=seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["text_projection.weight"], other["text_projection.weight"])


def test_a_given_configuration_is_left_as_it_is(join: Join) -> None:
    parts = {"decoder": decoder_config(), "text_encoder": text_config()}
    before = {name: config.to_dict() for name, config in parts.items()}
    join(**parts)
    assert {name: config.to_dict() for name, config in parts.items()} == before


def test_a_dinov2_joins_a_bert_that_writes(join: Join) -> None:
    from transformers import BertConfig, Dinov2Config

    eyes = Dinov2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=8
    )
    writer = BertConfig(
        vocab_size=300,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    joined = join(image_encoder=eyes, decoder=writer)
    labels = joined.processor.read_answers(["red", "no", "two"])
    joined.model(**joined.batch, labels=labels).loss.backward()
    assert joined.model.text_projection.weight.grad.abs().sum() > 0
    assert joined.model.generate(**joined.batch, max_new_tokens=3).shape[0] == 3


def test_parts_that_do_not_fit_are_sentences(join: Join, tmp_path: Path, tiny_llama: Path) -> None:
    from transformers import ConvNextConfig, T5Config

    with pytest.raises(RequestError, match="image encoder of ConvNextConfig has no hidden size"):
        join(image_encoder=ConvNextConfig())
    with pytest.raises(RequestError, match="with a decoder of its own"):
        join(text_encoder=T5Config())
    with pytest.raises(RequestError, match="cannot take cross-attention"):
        join(decoder=tiny_llama)
    with pytest.raises(RequestError, match="reads pixel_values and not input_ids"):
        join(text_encoder=image_config())
    with pytest.raises(RequestError, match="cannot write text"):
        join(decoder=image_config())
    with pytest.raises(RequestError, match="no readable configuration"):
        join(text_encoder=tmp_path)


def test_damaged_weights_are_a_sentence(join: Join, tmp_path: Path) -> None:
    join().model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ThawError, match="cannot be loaded"):
        load_joined(tmp_path)


def test_weights_that_are_missing_are_named(join: Join, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    join().model.save_pretrained(tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    kept.pop("image_projection.weight")
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ThawError, match=r"1 weights are missing, image_projection\.weight"):
        load_joined(tmp_path)


def test_pad_begin_and_end_are_three_tokens() -> None:
    gpt = with_answer_tokens(byte_tokenizer("gpt2"))
    assert (gpt.bos_token, gpt.eos_token) == ("<|begin|>", "<|endoftext|>")
    bert = with_answer_tokens(bert_tokenizer())
    assert (bert.pad_token, bert.bos_token, bert.eos_token) == ("[PAD]", "[CLS]", "[SEP]")
    assert len(bert) == len(bert_tokenizer())
    one = byte_tokenizer("gpt2")
    one.pad_token = one.bos_token = one.eos_token
    for tokenizer in (gpt, bert, with_answer_tokens(one)):
        ids = {tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id}
        assert len(ids) == 3
        assert None not in ids


def test_a_new_begin_token_starts_as_the_end_token(join: Join) -> None:
    joined = join()
    rows = joined.model.decoder.get_input_embeddings().weight
    tokenizer = joined.processor.answers
    assert len(rows) == len(tokenizer)
    assert torch.equal(rows[tokenizer.bos_token_id], rows[tokenizer.eos_token_id])
    assert joined.model.decoder.lm_head.weight is rows


def test_encoders_have_no_pooler_that_could_not_learn(join: Join) -> None:
    names = [name for name, _ in join().model.named_parameters()]
    assert not [name for name in names if "pooler" in name]
    assert text_config().hidden_size != decoder_config().hidden_size  # projections are needed
