"""A decoder asked for the label in words, against transformers alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from decoders import Decoder
from tiny import MakeSpec
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.labels.references import ASKED, baseline_names, fit
from tasks.kinds.labels.zero_shot import asked_model, log_likelihoods, words_of_labels
from tasks.models.base_models import locate
from tasks.models.generators import load_generator

PROMPTS = ["Is it late?", "A much longer question, with more words in it:", "So:"]
WORDS = ["yes", "yet", "no", "not at all"]


def alone(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, answer: str
) -> float:
    """The answer's log-likelihood: all tokens of one text in one pass, without padding."""
    before = tokenizer(prompt)["input_ids"]
    said = tokenizer(f" {answer}", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[*before, *said]])
    with torch.inference_mode():
        nats = model(input_ids=ids).logits[0].double().log_softmax(-1)
    places = range(len(before) - 1, ids.shape[1] - 1)
    return sum(float(nats[place, ids[0, place + 1]]) for place in places)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_likelihood_is_that_of_all_tokens_behind_the_prompt(
    decoder: Decoder, family: str
) -> None:
    model, tokenizer = decoder(family)
    found = log_likelihoods(model, tokenizer, PROMPTS, WORDS)
    wanted = [[alone(model, tokenizer, prompt, word) for word in WORDS] for prompt in PROMPTS]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def spam(*fields: str) -> Any:
    return load_case("spam", "sample", ["zero_shot.ask=true", *fields])


def test_the_reference_is_the_share_of_each_labels_words(
    make_spec: MakeSpec, tiny_writer: Path
) -> None:
    spec = make_spec(task="single_label", labels=("ham", "spam"), rows={"labels": ["spam"]})
    config = spam(f"model.base={tiny_writer}", "model.max_length=20")
    assert baseline_names(config)[-1] == ASKED
    found = fit(ASKED, config, spec)
    model, tokenizer = load_generator(locate(str(tiny_writer)))
    text = spec.test.read()["text"][0][:20]  # a token a byte
    prompt = f"Message: {text}\nIs this message spam? Answer yes or no.\nAnswer:"
    no, yes = (np.exp(alone(model.eval(), tokenizer, prompt, word)) for word in ("no", "yes"))
    assert found.test[0] == pytest.approx([no / (no + yes), yes / (no + yes)], abs=1e-5)
    assert found.validation.sum(1) == pytest.approx(1)
    assert found.parameters == 0


def test_what_cannot_be_asked_is_refused_before_anything_trains(
    make_spec: MakeSpec, tiny_bert: Path, tiny_writer: Path
) -> None:
    with pytest.raises(RequestError, match=r"asks a decoder.*Name another in zero_shot\.model"):
        asked_model(spam(f"model.base={tiny_bert}"))
    assert asked_model(spam(f"model.base={tiny_bert}", f"zero_shot.model={tiny_writer}"))
    with pytest.raises(RequestError, match=r"takes .* of the 192 tokens"):
        asked_model(spam(f"model.base={tiny_writer}", f"zero_shot.question={'Why? ' * 40}{{text}}"))
    with pytest.raises(RequestError, match="where its text is to stand"):
        spam("zero_shot.question=Is it spam?")
    with pytest.raises(RequestError, match="'junk', which is no label here"):
        words_of_labels({"junk": "yes"}, ["ham", "spam"])
    with pytest.raises(RequestError, match="other words for each label"):
        words_of_labels({"ham": "spam"}, ["ham", "spam"])
    with pytest.raises(RequestError, match="zero_shot"):
        load_case("genre", "sample", ["zero_shot.ask=true"])
