"""Values nested thousands of levels deep: a sentence from every reader, and no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.numbered import usable_records
from tasks.ingestion.prepare import label_parser
from tasks.ingestion.readers import read_file
from tasks.latex.faults import fault
from tasks.latex.scores import latex_scores, normalise
from tasks.registry.prediction import read_fields


def nested(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


@pytest.mark.parametrize("levels", [900, 3000])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_cell_nested_too_deeply_is_refused(levels: int, form: str, tmp_path: Path) -> None:
    file = tmp_path / f"rows.{form}"
    record = f'{{"text": {nested(levels)}}}'
    file.write_text(f"[{record}]" if form == "json" else record)
    config = DataConfig(path=file)

    def deeper(depth: int, read: Callable[[], object]) -> object:
        """Flows read from further down the stack than tests do."""
        return deeper(depth - 1, read) if depth else read()

    with pytest.raises(RequestError, match="nested too deeply"):
        deeper(150, lambda: read_file(file, config, list))


def test_a_record_nested_too_deeply_is_a_bad_one(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f'{{"text": {nested(800)}}}\n{{"text": "whole"}}\n')
    found = usable_records(file, lambda record: record["text"] and str(record), "skip")
    assert [line for line, _ in found.found][-1] == 2
    with pytest.raises(RequestError, match="line 1 is no JSON record"):
        read_fields(file, ("text",))


def test_a_label_of_5000_digits_stays_the_text_that_it_is() -> None:
    split = label_parser(DataConfig(sample="reviews.jsonl", numeric_labels=True))
    assert split("1" * 5000) == ["1" * 5000]
    assert split("05.0") == ["5"]


def test_formulas_nested_more_deeply_than_tex_takes_are_scored() -> None:
    deep = "{a" * 3000 + "}" * 3000
    assert normalise(normalise(deep)) == normalise(deep)
    assert latex_scores([deep], [deep])["normalised_match"][0] == 1
    assert latex_scores([deep], ["x"])["normalised_match"][0] == 0
    assert "nested" in str(fault(deep))
