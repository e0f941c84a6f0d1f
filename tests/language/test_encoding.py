"""A stored part as prompts and completions."""

import pandas as pd
import pytest

from tasks.config import LanguageConfig
from tasks.errors import RequestError
from tasks.language.encoding import encode_part, format_of
from tasks.language.pairs import IGNORED, LATEX
from tasks.storage import TableRef, put_table

LANGUAGE = LanguageConfig(
    instruction="Convert English to LaTeX", source_name="English", target_name="LaTeX"
)


@pytest.fixture
def part() -> TableRef:
    rows = [("a", "x plus one", "x + 1"), ("b", "very " * 30, "v"), ("c", "x", "x")]
    return put_table(pd.DataFrame([(i, t, [c]) for i, t, c in rows], columns=COLUMNS), "three rows")


COLUMNS = ["id", "text", "labels"]


def test_the_chapters_format_comes_from_the_configuration(decoder) -> None:
    _, tokenizer = decoder("gpt2")
    assert format_of(LANGUAGE, tokenizer) == LATEX
    odd = LanguageConfig(source_name="{x}", target_name="}{")
    assert format_of(odd, tokenizer).prompt("{y}", [("q", "a")]) == "{x}: q\n}{: a\n{x}: {y}\n}{:"


def test_what_does_not_fit_is_left_out_of_the_rows_alone(part: TableRef, decoder) -> None:
    _, tokenizer = decoder("llama")
    encoded = encode_part(part, LANGUAGE, tokenizer, 90)
    assert (encoded.ids, encoded.kept, encoded.truncated) == (["a", "c"], [0, 2], 1)
    assert encoded.all_ids == ["a", "b", "c"]
    assert encoded.expected == ["x + 1", "v", "x"]
    for row, start, prompt in zip(
        encoded.rows, encoded.starts, [encoded.prompts[0], encoded.prompts[2]], strict=True
    ):
        assert tokenizer.decode(row["input_ids"][:start]) == prompt
        assert row["labels"] == [IGNORED] * start + row["input_ids"][start:]
        assert row["input_ids"][-1] == tokenizer.eos_token_id


def test_the_whole_text_is_learnt_if_asked_but_starts_stay(part: TableRef, decoder) -> None:
    _, tokenizer = decoder("llama")
    whole = LANGUAGE.model_copy(update={"loss": "whole_text"})
    encoded = encode_part(part, whole, tokenizer, 90)
    assert encoded.starts == encode_part(part, LANGUAGE, tokenizer, 90).starts
    assert [row["labels"].count(IGNORED) for row in encoded.rows] == [1, 1]


def test_a_part_of_which_nothing_fits_is_a_sentence(part: TableRef, decoder) -> None:
    _, tokenizer = decoder("llama")
    with pytest.raises(RequestError, match=r"None of the 3 pairs of the three rows .* 20 tokens"):
        encode_part(part, LANGUAGE, tokenizer, 20)
