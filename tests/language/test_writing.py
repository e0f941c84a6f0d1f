"""Both architectures answer alike for whoever asks: whatever the batch, with beams, to the end."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.errors import RequestError
from tasks.language.generating import Decoding
from tasks.language.writing import (
    encodes_and_decodes,
    given_ids,
    load_writing,
    write,
    writing_tokenizer,
)
from tasks.models.base_models import locate

PROMPTS = ["a cat", "the dog of house 3 sleeps until noon", "no"]


@pytest.mark.parametrize(("base", "encoder"), [("tiny_t5", True), ("tiny_writer", False)])
def test_an_answer_does_not_depend_on_its_batch(
    base: str, encoder: bool, request: pytest.FixtureRequest
) -> None:
    located = locate(str(request.getfixturevalue(base)))
    assert encodes_and_decodes(located) is encoder
    model, tokenizer = load_writing(located)
    together = write(model.eval(), tokenizer, PROMPTS, Decoding(7))
    alone = [write(model, tokenizer, [prompt], Decoding(7))[0] for prompt in PROMPTS]
    assert together == alone
    assert write(model, tokenizer, PROMPTS, Decoding(7, batch_size=2)) == together
    assert len({answer.text for answer in together}) == len(PROMPTS)
    assert all(0 < answer.tokens <= 7 for answer in together)


def greedily(model: Any, tokenizer: Any, prompt: str, tokens: int) -> list[int]:
    """The most probable token, each computed anew from all before it."""
    given = torch.tensor(given_ids([prompt], tokenizer, encoder=True))
    written = [model.config.decoder_start_token_id]
    for _ in range(tokens):
        with torch.inference_mode():
            logits = model(input_ids=given, decoder_input_ids=torch.tensor([written])).logits
        written.append(int(logits[0, -1].argmax()))
    return written[1:]


def test_an_encoder_decoder_writes_the_most_probable_text_up_to_its_end(tiny_t5: Path) -> None:
    model, tokenizer = load_writing(locate(str(tiny_t5)))
    wanted = greedily(model.eval(), tokenizer, PROMPTS[1], 6)
    (free,) = write(model, tokenizer, PROMPTS[1:2], Decoding(6))
    assert (free.text, free.stopped) == (tokenizer.decode(wanted).strip(), False)
    # Its third token is the end token from now on.
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(wanted[2])
    (ended,) = write(model, tokenizer, PROMPTS[1:2], Decoding(6))
    assert ended.stopped
    assert ended.tokens == wanted.index(wanted[2]) + 1
    assert ended.text == tokenizer.decode(wanted[: ended.tokens - 1]).strip()


def test_beams_search_an_encoder_decoder_too(tiny_t5: Path) -> None:
    model, tokenizer = load_writing(locate(str(tiny_t5)))
    model.eval()
    searched = write(model, tokenizer, PROMPTS, Decoding(5, beams=4))
    assert [answer.tokens for answer in searched] == [5, 5, 5]
    assert searched != write(model, tokenizer, PROMPTS, Decoding(5))


def test_a_model_that_only_reads_does_not_write(tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match="does not write text"):
        writing_tokenizer(locate(str(tiny_bert)))
