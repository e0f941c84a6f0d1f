"""Parts of pairs as token ids: each answer once, with its type where the model has types."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.config import PreferenceConfig
from tasks.errors import RequestError
from tasks.kinds.ranking.encoding import encode_pairs
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef, put_table


def test_an_answer_of_several_pairs_is_encoded_once(
    tiny_bert: Path, pair_parts: dict[str, TableRef]
) -> None:
    located = locate(str(tiny_bert))
    part = encode_pairs(pair_parts["validation"], located, 32)
    assert len(part) == 18
    assert len(part.responses.ids) == 18  # six queries of three answers
    assert np.bincount(np.concatenate([part.chosen, part.rejected])).tolist() == [2] * 18
    assert np.bincount(part.query).tolist() == [3] * 6
    tokenizer = load_tokenizer(located)
    frame = pair_parts["validation"].read()
    for row in (0, 7, 17):
        ids = part.responses.rows[int(part.rejected[row])]["input_ids"]
        wanted = tokenizer([frame["text"][row]], [frame["rejected"][row]])["input_ids"][0]
        assert ids == wanted


@pytest.mark.parametrize(
    ("family", "has_types"), [("bert", True), ("distilbert", False), ("roberta", False)]
)
def test_token_types_are_kept_where_the_model_tells_texts_apart(
    family: str, has_types: bool, tiny: Callable[[str], Path], pair_parts: dict[str, TableRef]
) -> None:
    rows = encode_pairs(pair_parts["test"], locate(str(tiny(family))), 32).responses.rows
    assert ("token_type_ids" in rows.column_names) == has_types
    if has_types:
        assert {0, 1} == set(rows[0]["token_type_ids"])


def test_what_is_too_long_is_cut_and_counted(tiny_bert: Path) -> None:
    rows = {"id": ["a"], "text": ["who is it " * 9], "chosen": ["yes"], "rejected": ["the " * 20]}
    table = put_table(pd.DataFrame(rows), "one pair")
    part = encode_pairs(table, locate(str(tiny_bert)), 16)
    assert max(part.responses.rows["length"]) == 16
    assert part.responses.truncated == 2
    assert part.cut_answers == 1


def test_margins_follow_the_scores(tiny_bert: Path, pair_parts: dict[str, TableRef]) -> None:
    part = encode_pairs(pair_parts["test"], locate(str(tiny_bert)), 32)
    assert part.margins(PreferenceConfig()).tolist() == [0.0] * 18
    scaled = part.margins(PreferenceConfig(margin="score", margin_scale=0.5))
    assert scaled[:3].tolist() == [2.0, 3.5, 1.5]
    assert part.rows(PreferenceConfig(margin="score"))["margin"][:3] == [4.0, 7.0, 3.0]


def test_margins_by_score_need_scores(tiny_bert: Path, pair_parts: dict[str, TableRef]) -> None:
    plain = put_table(pair_parts["test"].read().drop(columns="gap"), "no scores")
    part = encode_pairs(plain, locate(str(tiny_bert)), 32)
    assert part.margins(PreferenceConfig()).sum() == 0
    with pytest.raises(RequestError, match=r"18 pairs without: set preference\.margin=none"):
        part.margins(PreferenceConfig(margin="score"))
