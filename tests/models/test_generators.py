"""The tokenizer's end and pad tokens, and the rows of tokens that a model has not met."""

from pathlib import Path

import pytest
import torch
from tiny import byte_tokenizer

from tasks.errors import RequestError, ThawError
from tasks.models.base_models import locate
from tasks.models.generators import PAD_TOKEN, fit_vocabulary, load_generator, with_pad_and_end
from tasks.models.loading import load_tokenizer


def test_a_tokenizer_without_an_end_token_is_refused_by_name() -> None:
    tokenizer = byte_tokenizer("gpt2")
    tokenizer.eos_token = None
    with pytest.raises(RequestError, match=r"tokenizer of mine has no end token.*eos_token"):
        with_pad_and_end(tokenizer, "mine")


def test_gpt2_gets_a_pad_token_of_its_own() -> None:
    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = tokenizer.eos_token
    made = with_pad_and_end(tokenizer, "gpt2")
    assert made.pad_token == PAD_TOKEN
    assert made.pad_token_id == len(tokenizer)
    assert made.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.pad_token == tokenizer.eos_token  # the shared one is as it was


def test_a_special_token_at_hand_is_taken_before_a_new_one() -> None:
    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.unk_token = "<unk>"  # noqa: S105 - tokens of text
    made = with_pad_and_end(tokenizer, "x")
    assert (made.pad_token, len(made)) == ("<unk>", len(tokenizer))


def test_a_pad_token_of_its_own_is_kept() -> None:
    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = "<pad>"  # noqa: S105
    assert with_pad_and_end(tokenizer, "x").pad_token == "<pad>"  # noqa: S105


@pytest.mark.parametrize("family", ["gpt2", "llama", "llama-tied"])
def test_new_tokens_start_as_the_mean_of_the_others(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    before = model.get_input_embeddings().weight.detach().clone()
    tokenizer.add_tokens(["<new>", "<newer>"])
    assert fit_vocabulary(model, tokenizer) == 2
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        known = layer.weight[: len(before)]
        torch.testing.assert_close(layer.weight[len(before) :], known.mean(0).expand(2, -1))
    torch.testing.assert_close(model.get_input_embeddings().weight[: len(before)], before)
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied == (family != "llama")
    assert fit_vocabulary(model, tokenizer) == 0


def test_a_stored_decoder_is_loaded_with_its_output_layer(tiny_gpt2: Path) -> None:
    located = locate(str(tiny_gpt2))
    model, tokenizer = load_generator(located)
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert load_tokenizer(located).pad_token == load_tokenizer(located).eos_token
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert model.get_input_embeddings().num_embeddings == len(tokenizer)


def test_an_output_layer_that_is_missing_is_not_filled_with_random_numbers(
    tiny_llama: Path,
) -> None:
    with pytest.raises(ThawError, match="lm_head"):  # stored headless, and not tied
        load_generator(locate(str(tiny_llama)))


def test_an_encoder_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match=r"family 'bert'.*name a decoder"):
        load_generator(locate(str(tiny_bert)))
