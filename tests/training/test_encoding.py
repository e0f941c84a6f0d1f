"""A stored part as token ids and targets."""

from pathlib import Path

import numpy as np
import pandas as pd
from tiny import LABELS, SIZES

from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef, put_table
from tasks.training.encoding import encode, multi_hot


def test_labels_become_columns_in_the_order_that_was_given() -> None:
    truth = multi_hot([["b"], [], ["c", "a", "unknown"]], ["a", "b", "c"])
    assert truth.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]


def test_a_part_keeps_its_order_ids_and_truth(parts: dict[str, TableRef], tiny_bert: Path) -> None:
    located = locate(str(tiny_bert))
    part = encode(parts["train"], LABELS, "multi_label", located, 24)
    stored = parts["train"].read()
    tokenizer = load_tokenizer(located)
    assert part.ids == stored["id"].tolist()
    assert (
        part.rows["input_ids"][3]
        == tokenizer(stored["text"][3], truncation=True, max_length=24)["input_ids"]
    )
    for labels, row, target in zip(stored["labels"], part.truth, part.rows["labels"], strict=True):
        assert {LABELS[i] for i in row.nonzero()[0]} == set(labels)
        assert target == row.tolist()
    assert part.rows["length"] == [len(ids) for ids in part.rows["input_ids"]]
    assert part.tokens == sum(part.rows["length"])
    whole = tokenizer(stored["text"].tolist())["input_ids"]
    assert part.truncated == sum(len(ids) > 24 for ids in whole) > 0


def test_one_class_a_row_becomes_its_number(tiny_bert: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["1", "2"], "text": ["a", "b"], "labels": [["spam"], ["ham"]], "more": [0, 0]}
    )
    part = encode(
        put_table(frame, "by hand"), ("ham", "spam"), "single_label", locate(str(tiny_bert)), 8
    )
    assert list(part.rows["labels"]) == [1, 0]
    np.testing.assert_array_equal(part.truth, [[0, 1], [1, 0]])


def test_the_arms_of_a_sweep_share_what_was_tokenised(
    parts: dict[str, TableRef], tiny_bert: Path
) -> None:
    located = locate(str(tiny_bert))
    first = encode(parts["test"], LABELS, "multi_label", located, 24)
    assert encode(parts["test"], LABELS, "multi_label", located, 24) is first
    assert encode(parts["test"], LABELS, "multi_label", located, 16) is not first
    assert len(first.ids) == SIZES["test"]
