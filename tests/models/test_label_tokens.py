"""A decoder that answers a prompt with a label's token."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tasks.errors import RequestError
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.label_tokens import label_rows, label_tokens
from tasks.models.loading import load_backbone, load_tokenizer
from tasks.training.batching import PaddingCollator, token_ids

STARS = ("1", "2", "3")
TEXTS = ["a fine lamp", "it broke", "the box came late and the cup inside was whole"]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_before_training_the_head_answers_as_the_language_model_does(
    tiny: Callable[[str], Path], tmp_path: Path, family: str
) -> None:
    source = tiny(family)
    folder = tmp_path / family  # with an output layer, which the fixture's headless model lacks
    shutil.copytree(source, folder)
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(source)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    located = locate(str(folder))
    tokenizer = load_tokenizer(located)
    rows = label_rows(located, STARS)
    head = HeadConfig(labels=3, pooling="last", kind="tokens", task="single_label")
    model = TextClassifier(load_backbone(located, 0.0), head, label_rows=rows).eval()
    whole = AutoModelForCausalLM.from_pretrained(located.folder).eval()
    ids, _ = token_ids(TEXTS, tokenizer, 40, " =")
    batch = PaddingCollator(int(tokenizer.pad_token_id))([{"input_ids": row} for row in ids])
    with torch.inference_mode():
        mine = model(**batch)["logits"]
        for row, answer in zip(ids, mine, strict=True):
            theirs = whole(torch.tensor([row])).logits[0, -1, label_tokens(STARS, tokenizer)]
            torch.testing.assert_close(answer, theirs, rtol=1e-4, atol=1e-4)


def test_an_encoder_cannot_answer_with_tokens(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(RequestError, match="name a decoder"):
        label_rows(locate(str(tiny("bert"))), STARS)


def test_a_label_of_several_tokens_is_refused(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(RequestError, match="'quite unpronounceable' is several"):
        label_rows(locate(str(tiny("gpt2"))), ("1", "quite unpronounceable"))


def test_the_end_of_the_prompt_is_never_cut(tiny: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(locate(str(tiny("gpt2"))))
    ending = tokenizer(" stars:")["input_ids"]
    found, longer = token_ids(["a lamp " * 40, ""], tokenizer, 12, " stars:")
    assert longer == 1
    assert [row[-len(ending) :] for row in found] == [ending, ending]
    assert len(found[0]) == 12
    with pytest.raises(RequestError, match="leaves no room"):
        token_ids(["a"], tokenizer, len(ending), " stars:")
