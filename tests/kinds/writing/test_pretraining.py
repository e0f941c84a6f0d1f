"""A base model that reads a text before it learns pairs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tiny import check_case
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.kind import kind_of
from tasks.kinds.writing import pretraining
from tasks.kinds.writing.pretraining import pretrained, with_pretrained
from tasks.models.base_models import locate
from tasks.storage import put_table
from tasks.training.arms import plan_arms

SHEET = "".join(f"The command for {word} is written as \\{word}.\n" for word in ("alpha", "beta"))


@pytest.fixture
def case(tiny_writer: Path, tmp_path: Path) -> Any:
    """The latex case on the tiny model, with a sheet that it reads first."""
    sheet = tmp_path / "sheet.md"
    sheet.write_text(SHEET * 4, encoding="utf-8")
    fields = ("model.max_length=40", "training.learning_rate=3e-3", "strategies=[full]")
    reading = (f"model.base={tiny_writer}", f"language.pretrain_on={sheet}")
    return load_case("latex", "sample", [*fields, *reading, "language.pretrain_epochs=4"])


def loss(folder: Path) -> float:
    """Of every next token of the sheet, by transformers alone."""
    model, tokenizer = (
        family.from_pretrained(folder) for family in (AutoModelForCausalLM, AutoTokenizer)
    )
    ids = tokenizer(SHEET, return_tensors="pt")["input_ids"][:, :40]
    with torch.inference_mode():
        return float(model.eval()(input_ids=ids, labels=ids).loss)


def test_what_was_read_is_known_and_read_once(
    case: Any, tiny_writer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = with_pretrained(case)
    base, folder = made.grid.model["base"]
    assert base == str(tiny_writer)
    assert loss(Path(folder)) < 0.8 * loss(tiny_writer)
    monkeypatch.setattr(pretraining, "read_on", lambda *_: pytest.fail("it was read again"))
    assert with_pretrained(case).grid.model["base"] == (base, folder)


def test_every_strategy_starts_from_both(case: Any, tiny_writer: Path) -> None:
    start = kind_of(case.task).start(case, None)  # type: ignore[arg-type]
    part = put_table(pd.DataFrame({"id": ["a"]}), "rows")
    parts = dict.fromkeys(("train", "validation", "test"), part)

    def sections(made: Any) -> dict[str, Any]:
        return kind_of(case.task).sections(made, start)

    plain, read = plan_arms(
        start.config, start.digest, [], parts, None, sections, bases=start.bases
    )
    assert plain.language == read.language
    assert plain.language is not None
    assert plain.language.pretrain_on is None  # the arm is the same without
    assert plain.base_digest == locate(str(tiny_writer)).digest
    assert read.base_digest == locate(str(read.model.base)).digest != plain.base_digest
    assert read.name.startswith(f"full base={tiny_writer.name}-on-sheet-")


def test_a_text_that_cannot_be_read_is_refused(case: Any, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("One.", encoding="utf-8")
    located = locate(case.model.base)
    with pytest.raises(RequestError, match="has 4 tokens"):
        pretrained(located, short, case)
    with pytest.raises(RequestError, match="no UTF-8 text"):
        pretrained(located, tmp_path / "none.txt", case)
    with pytest.raises(RequestError, match=r"pretrain_on has no effect"):
        check_case(load_case("sawyer_rl", "sample", [f"language.pretrain_on={short}"]))
