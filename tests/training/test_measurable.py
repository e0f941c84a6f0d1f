"""A part without the rows that a metric is about is refused before training."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tasks.config.base import Task
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.scoring import Scoring
from tasks.kinds.labels.measurable import check_measurable
from tasks.storage import put_table


def arm(task: Task, positive: int | None, **parts: list[list[str]]) -> Any:
    labels = sorted({label for rows in parts.values() for row in rows for label in row})
    tables = {name: put_table(pd.DataFrame({"labels": rows}), name) for name, rows in parts.items()}
    return SimpleNamespace(
        task=task, labels=labels, scoring=Scoring(task, positive), fold=None, **tables
    )


HAM, SPAM = ["ham"], ["spam"]


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_class_that_a_metric_needs_and_a_part_lacks_is_named(part: str) -> None:
    parts = {name: [HAM] * 20 + [SPAM] for name in ("train", "validation", "test")}
    config = load_case("spam")
    check_measurable(config, arm("single_label", 1, **parts))
    spec = arm("single_label", 1, **{**parts, part: [HAM] * 20})
    with pytest.raises(RequestError) as refusal:
        check_measurable(config, spec)
    sentence = str(refusal.value)
    assert f"has no value on the {part} part: none of its 20 rows has the label 'spam'" in sentence
    assert "(2 in all)" in sentence
    assert f"a larger split.{part}" in sentence
    assert "=val/loss" in sentence or "=test/loss" in sentence


def test_a_metric_that_needs_no_class_takes_any_split() -> None:
    parts = {"train": [HAM, SPAM], "validation": [HAM], "test": [HAM]}
    config = load_case(
        "spam", overrides=["training.select_by=val/loss", "evaluation.primary=test/accuracy"]
    )
    check_measurable(config, arm("single_label", 1, **parts))


def test_a_rare_label_among_several_is_no_reason_to_refuse() -> None:
    rows = [["Action", "Drama"], ["Drama"], ["Action"], ["Action"]]
    parts = {"train": [*rows, ["Mecha"]], "validation": rows, "test": rows}
    check_measurable(load_case("genre"), arm("multi_label", None, **parts))


def test_a_part_of_one_kind_of_row_alone_ranks_nothing() -> None:
    parts = {"train": [HAM, SPAM], "validation": [SPAM] * 3, "test": [HAM, SPAM]}
    with pytest.raises(RequestError, match="none of its 3 rows has the label 'ham'"):
        check_measurable(load_case("spam"), arm("single_label", 1, **parts))
