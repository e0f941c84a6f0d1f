"""From texts to padded batches of ids."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import DECODERS, FAMILIES

from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.training.batching import PaddingCollator, token_ids


@pytest.mark.parametrize("family", FAMILIES)
def test_long_texts_are_cut_and_counted(family: str, tiny: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(locate(str(tiny(family))))
    texts = ["ghost " * 60, "a ghost", "the keeper walks " * 60]
    ids, cut = token_ids(texts, tokenizer, 16)
    assert cut == 2
    assert [len(row) for row in ids][::2] == [16, 16]
    assert ids[1] == tokenizer(texts[1])["input_ids"]
    if family not in DECODERS:  # the special tokens survive the cut
        assert ids[0][-1] == tokenizer.sep_token_id


def test_a_text_of_just_the_length_is_not_cut(tiny_gpt2: Path) -> None:
    tokenizer = load_tokenizer(locate(str(tiny_gpt2)))  # a token a byte
    assert token_ids(["abcd", "abcde"], tokenizer, 4)[1] == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_tokenizes_to_nothing_has_a_token_to_read(
    family: str, tiny: Callable[[str], Path]
) -> None:
    tokenizer = load_tokenizer(locate(str(tiny(family))))
    ids, cut = token_ids(["", "a"], tokenizer, 8)
    assert cut == 0
    assert len(ids[0]) >= 1
    if family in DECODERS:
        assert ids[0] == [tokenizer.eos_token_id]


ROWS = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=6)


@given(rows=ROWS, to_length=st.sampled_from([None, 12]))
def test_a_batch_holds_every_id_and_masks_the_rest(
    rows: list[list[int]], to_length: int | None
) -> None:
    batch = PaddingCollator(0, to_length)([{"input_ids": row} for row in rows])
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"].shape == (len(rows), to_length or max(map(len, rows)))
    for row, ids, mask in zip(rows, batch["input_ids"], batch["attention_mask"], strict=True):
        assert ids[mask.bool()].tolist() == row
        assert mask.tolist() == [1] * len(row) + [0] * (len(mask) - len(row))
        assert ids[len(row) :].eq(0).all()


def test_labels_go_along() -> None:
    many = PaddingCollator(0)([{"input_ids": [1], "labels": [1.0, 0.0], "length": 1}])
    assert many["labels"].dtype == torch.float32
    one = PaddingCollator(0)([{"input_ids": [1], "labels": 2}, {"input_ids": [2], "labels": 0}])
    assert one["labels"].tolist() == [2, 0]
    assert one["labels"].dtype == torch.int64
