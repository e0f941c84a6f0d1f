"""Embedding similarity of answers, against transformers alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from completion_arms import arm_maker, train
from tiny import check_case
from transformers import AutoModel, AutoTokenizer

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.completions import read_completions
from tasks.kinds.writing.similarity import similarity
from tasks.models.base_models import locate

WANTED = ["The ferry leaves at six.", "Put the kettle on, then wait for five minutes.", "No."]
GIVEN = ["At six the ferry leaves the old harbour.", "", "Five minutes."]


def by_transformers(folder: Path, text: str) -> np.ndarray:
    """The mean of the last states over a text's tokens, one text at a time."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.inference_mode():
        states = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state
    return states[0].double().mean(0).numpy()


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_writer"])
def test_it_is_the_cosine_of_mean_states(family: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(family)
    found = similarity(WANTED, GIVEN, locate(str(folder)))["similarity"]
    for row in (0, 2):
        one, other = (by_transformers(folder, texts[row]) for texts in (WANTED, GIVEN))
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert found[row] == pytest.approx(cosine, abs=1e-5)
    assert found[1] == 0
    assert similarity(WANTED, WANTED, locate(str(folder)))["similarity"] == pytest.approx(1)


def test_answers_are_read_by_the_base_model_as_it_was(tiny_writer: Path, tiny_bert: Path) -> None:
    rows = [(f"row{n}", f"say {word}", [f"{word} {word}"]) for n, word in enumerate("abcdefghijkl")]
    make = arm_maker(tiny_writer, "sft", rows, 6, "full", scores="text")
    for encoder in (None, str(tiny_bert)):
        outcome = train(make(training={"epochs": 1}, language={"encoder": encoder}))
        frame = read_completions(outcome.test).frame
        texts = frame["expected"].tolist(), frame["generated"].tolist()
        wanted = similarity(*texts, locate(encoder or str(tiny_writer)))["similarity"]
        assert frame["similarity"].to_numpy() == pytest.approx(wanted, abs=1e-5)
        assert outcome.metrics["test/similarity"] == pytest.approx(wanted.mean(), abs=1e-5)


def test_an_encoder_that_compares_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="whose answers are scored as latex"):
        check_case(load_case("latex", "sample", ["language.encoder=minilm"]))
    with pytest.raises(RequestError, match="no given answers to compare"):
        check_case(load_case("sawyer_rl", "sample", ["language.encoder=minilm"]))
