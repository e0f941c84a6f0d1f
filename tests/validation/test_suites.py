"""Suites: every case's is in order, and one that is not is refused with a sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.paths import conf_dirs
from tasks.validation.suites import load_suite
from tasks.validation.validate import validate

CONF = conf_dirs()[-1]
SUITES = sorted(
    str(path.relative_to(CONF / "expectations").with_suffix(""))
    for path in (CONF / "expectations").rglob("*.json")
)
UNIQUE = {
    "type": "expect_column_values_to_be_unique",
    "severity": "warning",
    "description": "An id names one row",
    "kwargs": {"column": "id"},
}

WriteSuite = Callable[..., CaseConfig]


@pytest.fixture
def write_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteSuite:
    """Write a suite `mine` into a conf folder of its own; returns a case that uses it."""
    conf = tmp_path / "conf"
    (conf / "expectations").mkdir(parents=True)
    shutil.copy(CONF / "genre.yaml", conf)
    monkeypatch.setenv("THAW_CONF", str(conf))

    def write(
        examples: list[dict[str, Any]] | str | bytes, labels: list[dict[str, Any]] | None = None
    ) -> CaseConfig:
        path = conf / "expectations" / "mine.json"
        if isinstance(examples, bytes):
            path.write_bytes(examples)
        elif isinstance(examples, str):
            path.write_text(examples, encoding="utf-8")
        else:
            path.write_text(json.dumps({"examples": examples, "labels": labels or []}))
        return load_case("genre", overrides={"validation": {"suite": "mine"}})

    return write


@pytest.mark.parametrize("name", SUITES)
def test_each_shipped_suite_blocks_on_no_rows_and_on_missing_texts(name: str) -> None:
    suite = load_suite(name)
    critical = [
        item.type for _, items in suite.by_table for item in items if item.severity == "critical"
    ]
    assert "expect_table_row_count_to_be_between" in critical
    assert "expect_column_values_to_not_be_null" in critical
    assert all(not item.description.endswith(".") for _, items in suite.by_table for item in items)


def test_great_expectations_reads_the_entries_as_its_own() -> None:
    from great_expectations import ExpectationSuite

    entries = json.loads((CONF / "expectations" / "genre.json").read_text())["examples"]
    suite = ExpectationSuite(name="genre", expectations=entries)
    written = suite.to_json_dict()["expectations"]
    for theirs, ours in zip(written, entries, strict=True):
        assert (theirs["type"], theirs["severity"]) == (ours["type"], ours["severity"])
        assert theirs["kwargs"].items() <= ours["kwargs"].items()  # they leave out defaults


def test_an_unknown_suite_names_the_nearest(genre: CaseConfig, table: pd.DataFrame) -> None:
    config = load_case("genre", overrides={"validation": {"suite": "gener"}})
    with pytest.raises(
        RequestError, match=r"no expectation suite .*gener\.json \(did you mean genre"
    ):
        validate(table, config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"examples": [', "is not JSON: Expecting value at line 1, column 15"),
        ("", "is not JSON"),
        (b"\xff\xfe{", "is not UTF-8: byte 0"),
        ("[]", "wrong at the whole"),
        ("{}", "wrong at examples .*Field required"),
        ('{"examples": [], "lables": []}', "wrong at lables"),
        ('{"examples": [{"type": "x"}]}', r"wrong at examples\.0\.severity"),
    ],
)
def test_a_corrupt_suite_is_refused_with_its_place(
    write_suite: WriteSuite, table: pd.DataFrame, content: str | bytes, message: str
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        validate(table, write_suite(content))
    assert "mine.json" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"type": "expect_column_values_to_be_uniqe"},
            "'expect_column_values_to_be_uniqe', which is no expectation "
            r"\(did you mean expect_column_values_to_be_unique\?\)",
        ),
        ({"kwargs": {"colum": "id"}}, "has wrong kwargs: column: field required"),
        ({"kwargs": {"column": "id", "mostly": 1.5}}, "mostly: ensure this value is less than"),
        (
            {"kwargs": {"column": "id", "mostly": {"$PARAMETER": "m"}}},
            r"No value found for \$PARAM",
        ),
        (
            {
                "type": "expect_column_values_to_match_regex",
                "kwargs": {"column": "id", "regex": "("},
            },
            "expect_column_values_to_match_regex on id cannot be checked: Invalid regular",
        ),
        (
            {
                "type": "expect_column_mean_to_be_between",
                "kwargs": {"column": "id", "max_value": 1},
            },
            "expect_column_mean_to_be_between on id cannot be checked",
        ),
        ({"severity": "info"}, "Input should be 'critical' or 'warning'"),
        ({"description": " "}, r"examples\.0\.description"),
    ],
)
def test_a_wrong_expectation_is_refused_by_name(
    write_suite: WriteSuite, table: pd.DataFrame, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        validate(table, write_suite([{**UNIQUE, **changes}]))
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_warning_about_a_column_that_is_not_there_warns(
    write_suite: WriteSuite, table: pd.DataFrame
) -> None:
    config = write_suite([UNIQUE, {**UNIQUE, "kwargs": {"column": "titel"}}])
    report = validate(table, config)
    assert [found.passed for found in report.findings] == [True, False]
    assert "no column titel (did you mean title?)" in report.findings[1].sentence
    assert report.passed


def test_a_figure_of_a_column_without_values_is_not_the_suites_fault(
    write_suite: WriteSuite, table: pd.DataFrame
) -> None:
    mean = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "id", "max_value": 1}}
    (found,) = validate(table.assign(id=None), write_suite([{**UNIQUE, **mean}])).findings
    assert not found.passed
    assert found.sentence.endswith(": there was nothing to check.")


def test_a_suite_for_single_labels_serves_a_spam_case(write_suite: WriteSuite) -> None:
    """Other roles, another suite, the same code."""
    one_label = {
        "type": "expect_column_values_to_be_between",
        "severity": "critical",
        "description": "A message has one label",
        "kwargs": {"column": "label_count", "min_value": 1, "max_value": 1},
        "meta": {"show": ["labels", "text"]},
    }
    messages = pd.DataFrame(
        {
            "row": [1, 2, 3],
            "id": ["1", "2", "3"],
            "label": ["ham", "spam", "ham,spam"],
            "text": ["See you at noon", "WIN a prize", "Win lunch"],
            "labels": [["ham"], ["spam"], ["ham", "spam"]],
        }
    )
    report = validate(messages, write_suite([one_label]))
    (found,) = report.failed("block")
    assert str(found.offenders[0]) == "row 3 (id 3): labels = ham, spam, text = Win lunch"
    assert "untrue of 1 of 3 rows (33.33%), tolerated: none" in found.sentence


def test_a_suite_without_labels_serves_a_text_pair_case(write_suite: WriteSuite) -> None:
    """Prompt and completion, and an expectation over both columns."""
    pairs = pd.DataFrame(
        {
            "row": [1, 2, 3],
            "id": [None, None, None],
            "prompt": ["x squared", "x squared", "one half"],
            "completion": ["x^2", "x^2", ""],
            "text": ["x squared -> x^2", "x squared -> x^2", None],
        }
    )
    config = write_suite(
        [
            {
                "type": "expect_column_values_to_not_be_null",
                "severity": "critical",
                "description": "A prompt has a completion",
                "kwargs": {"column": "completion"},
                "meta": {"show": ["prompt"]},
            },
            {
                "type": "expect_compound_columns_to_be_unique",
                "severity": "warning",
                "description": "A pair occurs once",
                "kwargs": {"column_list": ["prompt", "completion"]},
            },
        ]
    )
    report = validate(pairs, config)
    (blocked,), (warned,) = report.failed("block"), report.failed("warn")
    assert [str(row) for row in blocked.offenders] == ["row 3: prompt = one half"]
    assert warned.column == "prompt, completion"
    assert [row.row for row in warned.offenders] == [1, 2]
    assert (report.label_total, report.usable_rows) == (0, 2)
