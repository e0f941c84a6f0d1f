"""Batches of pairs: one row an answer, and the pairs of a query together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.config import PreferenceConfig
from tasks.kinds.ranking.batching import PairCollator, QueryOrder
from tasks.kinds.ranking.encoding import EncodedPairs, encode_pairs
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef
from tasks.training.batching import PaddingCollator


@pytest.fixture
def part(tiny_bert: Path, pair_parts: dict[str, TableRef]) -> EncodedPairs:
    return encode_pairs(pair_parts["train"], locate(str(tiny_bert)), 32)


def test_an_answer_goes_through_the_model_once_a_batch(part: EncodedPairs, tiny_bert: Path) -> None:
    pad = int(load_tokenizer(locate(str(tiny_bert))).pad_token_id)
    rows = part.rows(PreferenceConfig(margin="score"))
    batch = PairCollator(part.responses.rows, PaddingCollator(pad))(list(rows.select(range(4))))
    assert len(batch["input_ids"]) == 5  # three answers of the first query, two of the second
    assert set(batch) == {
        "input_ids",
        "attention_mask",
        "token_type_ids",
        "chosen",
        "rejected",
        "margin",
    }
    assert batch["margin"].tolist() == [4.0, 7.0, 3.0, 4.0]
    for pair in range(4):
        for end, places in (("chosen", part.chosen), ("rejected", part.rejected)):
            row = int(batch[end][pair])
            ids = batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
            assert ids == part.responses.rows[int(places[pair])]["input_ids"]


@pytest.mark.parametrize("by_length", [True, False])
def test_an_epoch_has_every_pair_once_and_those_of_a_query_together(
    part: EncodedPairs, by_length: bool
) -> None:
    order = QueryOrder(part.rows(PreferenceConfig()), batch_size=6, by_length=by_length)
    torch.manual_seed(0)
    first, second = list(order), list(order)
    assert sorted(first) == list(range(len(part))) == sorted(second)
    assert len(order) == len(part)
    assert first != second
    changes = np.count_nonzero(np.diff(part.query[first])) + 1
    assert changes == len(set(part.query.tolist()))
    torch.manual_seed(0)
    assert list(order) == first
