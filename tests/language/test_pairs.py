"""Prompt formats, and the labels that the loss reads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import byte_tokenizer

from tasks.errors import RequestError
from tasks.language.pairs import (
    IGNORED,
    LATEX,
    PairCollator,
    encode_pairs,
    pad_right,
    prompt_ids,
)
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def tokenizer():
    return byte_tokenizer("gpt2")


def test_the_prompt_is_the_chapters() -> None:
    assert LATEX.prompt("x squared") + LATEX.completion("x^2") == (
        "Convert English to LaTeX\nEnglish: x squared\nLaTeX: x^2"
    )


def test_worked_examples_stand_before_the_question_in_the_same_form() -> None:
    assert LATEX.prompt("z", [("pi", r"\pi"), ("x", "x")]) == (
        "Convert English to LaTeX\nEnglish: pi\nLaTeX: \\pi\nEnglish: x\nLaTeX: x\n"
        "English: z\nLaTeX:"
    )


def test_braces_in_the_data_are_data() -> None:
    assert LATEX.prompt("{0} {x}").endswith("English: {0} {x}\nLaTeX:")
    assert LATEX.completion(r"\frac{1}{2}") == r" \frac{1}{2}"


def test_the_loss_reads_the_completion_and_the_end_token_only(tokenizer) -> None:
    row = encode_pairs(["ab:"], [" cd"], tokenizer, 32).rows[0]
    assert tokenizer.decode(row["input_ids"]) == f"ab: cd{END}"
    assert row["labels"] == [IGNORED] * 3 + row["input_ids"][3:]
    assert row["labels"][-1] == tokenizer.eos_token_id
    assert row["length"] == 7


def test_the_chapters_loss_reads_the_prompt_too(tokenizer) -> None:
    row = encode_pairs(["ab:"], [" cd"], tokenizer, 32, whole_text=True).rows[0]
    # Nothing comes before the first token, so nothing can predict it.
    assert row["labels"] == [IGNORED, *row["input_ids"][1:]]


def test_the_end_token_stays_supervised_even_if_it_pads(tokenizer) -> None:
    rows = encode_pairs(["a:", "abcd:"], [" x", " y"], tokenizer, 32).rows
    batch = PairCollator(tokenizer.eos_token_id)(list(rows))
    lengths = torch.tensor(rows["length"])
    assert batch["attention_mask"].sum(1).tolist() == lengths.tolist()
    last = batch["labels"][torch.arange(2), lengths - 1]
    assert last.tolist() == [tokenizer.eos_token_id] * 2
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()


@settings(max_examples=60, deadline=None)
@given(prompt=st.text(max_size=20), completion=st.text(min_size=1, max_size=20))
def test_training_starts_from_the_tokens_that_generation_starts_from(
    prompt: str, completion: str
) -> None:
    tokenizer = byte_tokenizer("gpt2")
    if not completion.strip():
        return
    row = encode_pairs([prompt], [completion], tokenizer, 400).rows[0]
    start = prompt_ids([prompt], tokenizer)[0]
    assert row["input_ids"][: len(start)] == start
    assert row["input_ids"][-1] == tokenizer.eos_token_id
    assert tokenizer.decode(row["input_ids"][:-1]) == prompt + completion
    # At an empty prompt the first token has nothing before it that could predict it.
    assert [label != IGNORED for label in row["labels"]] == [
        place >= max(1, len(start)) for place in range(len(row["labels"]))
    ]


def test_an_end_token_written_in_the_data_is_text(tokenizer) -> None:
    row = encode_pairs([f"a{END}:"], [f" b{END}c"], tokenizer, 64).rows[0]
    assert row["input_ids"].count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(row["input_ids"][:-1]) == f"a{END}: b{END}c"


def test_a_prompt_that_fills_the_context_is_dropped_and_counted(tokenizer) -> None:
    prompts = ["ab:", "a" * 9 + ":", "abcdef:"]
    encoded = encode_pairs(prompts, [" x", " x", " 12345"], tokenizer, 10)
    assert (encoded.kept, encoded.filled, encoded.too_long) == ([0], [1], [2])
    assert encoded.dropped == 2
    assert len(encoded.rows) == 1


@pytest.mark.parametrize("room", range(4, 14))
def test_no_answer_is_ever_cut(room: int, tokenizer) -> None:
    encoded = encode_pairs(["abc:"] * 3, [" 1", " 123", " 123456"], tokenizer, room)
    whole = {f"abc:{answer}{END}" for answer in (" 1", " 123", " 123456")}
    assert {tokenizer.decode(row) for row in encoded.rows["input_ids"]} <= whole
    assert sorted(encoded.kept + encoded.filled + encoded.too_long) == [0, 1, 2]
    assert all(length <= room for length in encoded.rows["length"])


def test_an_empty_completion_is_refused_with_its_row(tokenizer) -> None:
    with pytest.raises(RequestError, match="completion of row 2 is empty"):
        encode_pairs(["a:", "b:"], [" x", "  "], tokenizer, 32)
    with pytest.raises(RequestError, match="completion of pair-7 is empty"):
        encode_pairs(["a:"], [""], tokenizer, 32, names=["pair-7"])


def test_no_pairs_make_no_rows(tokenizer) -> None:
    encoded = encode_pairs([], [], tokenizer, 32)
    assert (len(encoded.rows), encoded.supervised) == (0, 0)


def test_supervised_tokens_are_counted(tokenizer) -> None:
    assert encode_pairs(["a:", "b:"], [" x", " yz"], tokenizer, 32).supervised == 3 + 4


def test_rows_are_padded_on_the_right() -> None:
    assert pad_right([[1], [2, 3]], 9).tolist() == [[1, 9], [2, 3]]


@pytest.mark.slow
def test_the_real_tokenizer_joins_prompt_and_answer_as_it_reads_them_whole() -> None:
    tokenizer = load_tokenizer(locate("smollm2"))
    prompt, answer = LATEX.prompt("x squared"), LATEX.completion(r"\frac{x^2}{n}")
    row = encode_pairs([prompt], [answer], tokenizer, 64).rows[0]
    assert row["input_ids"][:-1] == tokenizer(prompt + answer)["input_ids"]
