"""Answers with their probabilities, and questions, pictures and answers as tensors."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kinds.pictures.model.joined_parts import IMAGE, Joined
from PIL import Image

from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.model.answering import answer_batch, looked_at
from tasks.kinds.pictures.model.model import IGNORED
from tasks.kinds.pictures.model.processing import MultimodalProcessor

Join = Callable[..., Joined]


@pytest.mark.parametrize("beams", [1, 3])
def test_an_answer_has_the_probability_of_each_token(joined: Joined, beams: int) -> None:
    answers = answer_batch(joined.model, joined.processor, joined.batch, 6, beams)
    written = joined.model.generate(**joined.batch, max_new_tokens=6, num_beams=beams)
    end = joined.model.config.eos_token_id
    for row, answer in enumerate(answers):
        assert answer.tokens[-1] == end
        assert written[row, 1:].tolist()[: len(answer.tokens) - 1] == list(answer.tokens[:-1])
        only = {name: value[row : row + 1] for name, value in joined.batch.items()}
        given = torch.tensor([answer.tokens])
        logits = joined.model(**only, labels=given).logits[0].detach()
        by_hand = [float(logits[n].log_softmax(-1)[t]) for n, t in enumerate(answer.tokens)]
        assert answer.log_probabilities == pytest.approx(by_hand, abs=1e-4)
        assert all(value <= 0 for value in answer.log_probabilities)


def test_answers_end_by_themselves_once_the_end_is_learnt(join: Join) -> None:
    joined = join()
    model, wanted = joined.model, ["red", "no", "two"]
    labels = joined.processor.read_answers(wanted)
    train = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(150):
        model(**joined.batch, labels=labels).loss.backward()
        train.step()
        train.zero_grad()
    answers = answer_batch(model, joined.processor, joined.batch, 8)
    assert [answer.text for answer in answers] == wanted
    assert all(answer.stopped for answer in answers)
    assert all(math.exp(sum(answer.log_probabilities)) > 0.5 for answer in answers)
    (cut,) = answer_batch(
        model, joined.processor, {n: v[:1] for n, v in joined.batch.items()}, max_new_tokens=2
    )
    assert (cut.text, cut.stopped, len(cut.tokens)) == ("re", False, 3)
    assert cut.log_probabilities[-1] < math.log(0.5)  # "re" would hardly have ended there


def test_the_model_comes_back_in_its_mode(join: Join) -> None:
    model = (joined := join()).model.train()
    answer_batch(model, joined.processor, joined.batch, 2)
    assert model.training


def test_answers_longer_than_the_decoder_are_refused(joined: Joined) -> None:
    with pytest.raises(RequestError, match="ask for at most 31"):
        answer_batch(joined.model, joined.processor, joined.batch, 32)


def test_attention_lies_on_real_tokens_and_patches(joined: Joined) -> None:
    labels = joined.processor.read_answers(["red", "no", "two"])
    shares = looked_at(joined.model, joined.batch, labels)
    tokens = joined.batch["input_ids"].shape[1]
    assert shares.shape == (3, labels.shape[1], tokens + 10)
    assert torch.allclose(shares.sum(-1), torch.ones(shares.shape[:2]), atol=1e-5)
    padding = joined.batch["attention_mask"] == 0
    assert shares[:, 0, :tokens][padding].abs().max() == 0
    assert shares[:, 0, tokens:].min() > 0


def test_a_saved_processor_reads_and_writes_the_same(joined: Joined, tmp_path: Path) -> None:
    joined.processor.save(tmp_path)
    again = MultimodalProcessor.load(tmp_path)
    picture = Image.new("RGB", (40, 30), "red")
    assert torch.equal(again.read_images([picture]), joined.processor.read_images([picture]))
    assert again.read_images([picture]).shape == (1, 3, IMAGE, IMAGE)
    for read in ("read_questions", "read_answers"):
        before = getattr(joined.processor, read)(["how many stars?", "red"])
        after = getattr(again, read)(["how many stars?", "red"])
        assert str(before) == str(after)
    assert (again.question_tokens, again.answer_tokens) == (32, 8)
    with pytest.raises(ThawError, match="cannot be loaded"):
        MultimodalProcessor.load(tmp_path / "elsewhere")


def test_long_texts_are_cut_with_their_end(joined: Joined) -> None:
    processor = replace(joined.processor, question_tokens=6, answer_tokens=4)
    labels = processor.read_answers(["a very long answer", "", "no"])
    end = joined.model.config.eos_token_id
    assert labels.shape == (3, 4)
    assert labels[0, -1] == end
    assert labels[1].tolist() == [end, IGNORED, IGNORED, IGNORED]
    questions = processor.read_questions(["what is this all about, please?", "who?"])
    assert questions["input_ids"].shape == (2, 6)
    assert questions["attention_mask"].sum(1).tolist()[0] == 6


def test_a_question_in_no_known_alphabet_is_refused(joined: Joined) -> None:
    joined.processor.check_question("what is it?")
    joined.processor.check_question("何 red?")  # partly known
    for unknown in ("何色ですか", "", "  "):
        with pytest.raises(RequestError, match="knows nothing of the question"):
            joined.processor.check_question(unknown)
