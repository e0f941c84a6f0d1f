"""What a tokenizer makes of texts: cut ones and unknown tokens are counted and said."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.config import ModelConfig
from tasks.models.base_models import LocatedModel, locate
from tasks.models.loading import load_tokenizer
from tasks.storage import put_table
from tasks.training import reading
from tasks.training.reading import read_texts, reading_of


@pytest.fixture
def located(tiny_bert: Path) -> LocatedModel:
    return locate(str(tiny_bert))


def test_texts_of_unknown_tokens_alone_block(located: LocatedModel) -> None:
    found = read_texts(["漢字", "仮名 漢字", "\u200b"], located, ModelConfig(base="x"))
    assert found.blocks
    assert found.unknown == 1
    assert found.warnings[0].startswith("3 of 3 texts are nothing but tokens that tiny-bert")
    assert "choose a base model for this language" in found.warnings[0]


def test_some_unknown_tokens_are_a_warning_and_none_is_none(located: LocatedModel) -> None:
    known = ["the old house in the city"] * 9
    found = read_texts([*known, "漢字 the house"], located, ModelConfig(base="x"))
    assert (found.nothing, found.blocks) == (0, False)
    assert 0.01 < found.unknown < 0.1
    assert "of the texts' tokens are unknown to tiny-bert" in found.warnings[0]
    plain = read_texts(known, located, ModelConfig(base="x"))
    assert plain.warnings == ()
    assert plain.sentence == "0 % of the tokens are unknown; none is longer than 128 tokens."


def test_an_end_token_that_is_the_unknown_one_too_is_in_every_text(
    located: LocatedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = deepcopy(load_tokenizer(located))
    tokenizer.unk_token = tokenizer.sep_token
    monkeypatch.setattr(reading, "load_tokenizer", lambda _: tokenizer)
    assert read_texts(["the house"], located, ModelConfig(base="x")).unknown == 0


def test_cut_texts_are_said_with_the_length_that_would_hold_95_percent(
    located: LocatedModel,
) -> None:
    texts = ["house " * (number + 1) for number in range(100)]  # 3 to 102 tokens
    found = read_texts(texts, located, ModelConfig(base="x", max_length=42))
    lengths = np.arange(3, 103)
    longer = lengths[lengths > 42]
    assert found.longer == len(longer) == 60
    assert found.lost == pytest.approx((longer - 42).sum() / longer.sum())
    (said,) = found.warnings
    lost = f"{found.lost:.0%}".replace("%", " %")
    assert said == (
        f"60 % of the texts are longer than model.max_length=42; they lose {lost} of their tokens. "
        f"model.max_length={found.holding} would hold 95 % of the texts."
    )
    assert (lengths <= found.holding).mean() >= 0.95 > (lengths <= found.holding - 2).mean()


def test_texts_beyond_the_models_context_say_that_no_length_holds_them(
    located: LocatedModel,
) -> None:
    found = read_texts(["house " * 300] * 3, located, ModelConfig(base="x", max_length=4096))
    assert found.room == found.context == 192
    assert "longer than the model's context=192" in found.warnings[0]
    assert "has positions for 192" in found.warnings[0]


def test_of_many_texts_a_draw_is_looked_at_and_said(
    located: LocatedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_TEXTS", 10)
    table = put_table(pd.DataFrame({"text": ["the house"] * 50}), "many")
    found = reading_of(table, located, ModelConfig(base="x"))
    assert (found.texts, found.of) == (10, 50)
    assert found.sentence.startswith("Of 10 texts that were looked at: ")
