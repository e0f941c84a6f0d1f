"""Comparisons of answers, as they come in files, as pairs of a better and a worse one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.comparisons import query_of, read_comparisons
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.paths import samples_dir

PAIR = {"instruction": "Say it.", "input": "now", "chosen": "It.", "rejected": "No.", "source": "s"}


def data_config(path: Path, **fields: Any) -> DataConfig:
    return DataConfig(
        path=path,
        layout="comparisons",
        required=("query", "chosen", "rejected"),
        optional=("gap", "chosen_source", "rejected_source"),
        text_role="query",
        label_role=None,
        keep_lines=True,
        text=("{query}",),
        **fields,
    )


def scored(*scores: Any, query: str = "Why?") -> dict[str, Any]:
    return {
        "user_input": query,
        "responses_and_scores": [
            {"response": f"answer {number}", "score": score, "source": f"s{number}"}
            for number, score in enumerate(scores, 1)
        ],
    }


def write(folder: Path, records: list[Any], name: str = "rows.jsonl") -> Path:
    path = folder / name
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def pairs_of(path: Path, **fields: Any) -> tuple[list[dict[str, Any]], str]:
    table, note = read_comparisons(path, data_config(path, **fields))
    return table.to_pylist(), note


def test_every_two_responses_make_a_pair_whichever_stands_first(tmp_path: Path) -> None:
    rows, note = pairs_of(write(tmp_path, [scored(3, 9.5, 3, 7)]))
    assert [(row["chosen"], row["rejected"], row["gap"]) for row in rows] == [
        ("answer 2", "answer 1", "6.5"),
        ("answer 4", "answer 1", "4"),
        ("answer 2", "answer 3", "6.5"),
        ("answer 2", "answer 4", "2.5"),
        ("answer 4", "answer 3", "4"),
    ]
    assert [row["id"] for row in rows][:2] == ["row-1-2-1", "row-1-4-1"]
    assert (rows[0]["chosen_source"], rows[0]["rejected_source"]) == ("s2", "s1")
    assert note == "scored layout; 1 pairs left out that have equal scores"


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.integers(1, 10), min_size=2, max_size=6))
def test_the_order_of_the_responses_does_not_matter(
    scores: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    if len(set(scores)) == 1:
        return
    record = scored(*scores)
    turned = record | {"responses_and_scores": record["responses_and_scores"][::-1]}
    folder = tmp_path_factory.mktemp("rows")
    found, other = (
        {(row["chosen"], row["rejected"]) for row in pairs_of(write(folder, [each]))[0]}
        for each in (record, turned)
    )
    assert found == other
    differing = sum(one != two for i, one in enumerate(scores) for two in scores[:i])
    assert len(found) == differing


def test_pairs_come_with_their_instruction_and_input(tmp_path: Path) -> None:
    rows, note = pairs_of(write(tmp_path, [PAIR, {"prompt": "Q", "chosen": "a", "rejected": "b"}]))
    assert rows[0] == {
        "row": 1,
        "id": "row-1",
        "query": "Say it.\n\nnow",
        "chosen": "It.",
        "rejected": "No.",
        "chosen_source": "s",
        "rejected_source": "s",
    }
    assert rows[1]["query"] == "Q"
    assert note == "pairs layout"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("Below is a task.\n\n### Instruction:\nAdd.\n\n### Input:\n1, 2", "Add.\n\n1, 2"),
        ("### Instruction:\nAdd.\n\n### Response:", "Add."),
        (" Add. ", "Add."),
    ],
)
def test_the_frame_around_a_query_is_left_out(given: str, asked: str) -> None:
    assert query_of(given) == asked


def test_a_json_list_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([scored(1, 2), scored(4, 3, query="Who?")]), encoding="utf-8")
    rows, _ = pairs_of(path)
    assert [row["query"] for row in rows] == ["Why?", "Who?"]


BAD = {
    "no number": (scored(1, "good"), "the score of response 2 is 'good', which is no number"),
    "no score": (scored(1, None), "the score of response 2 is None, which is no number"),
    "true": (scored(True, 1), "the score of response 1 is True, which is no number"),
    "infinite": (scored(1, float("inf")), "the score of response 2 is 'Infinity'"),
    "one response": (scored(1), "the query has one response, and a comparison needs two"),
    "empty query": (scored(1, 2, query=" "), "user_input is empty"),
    "empty response": (
        {"user_input": "Why?", "responses_and_scores": [{"response": " ", "score": 1}]},
        "response 1 is empty",
    ),
    "no list": ({"user_input": "Why?", "responses_and_scores": 3}, "is not a list"),
    "broken": ("{oops", "not JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_is_named_by_its_line_and_can_be_left_out(kind: str, tmp_path: Path) -> None:
    record, sentence = BAD[kind]
    path = write(tmp_path, [scored(1, 2), record])
    with pytest.raises(RequestError, match="line 2: ") as error:
        pairs_of(path)
    assert sentence in str(error.value)
    assert "data.on_bad_line=skip" in str(error.value)
    rows, note = pairs_of(path, on_bad_line="skip")
    assert len(rows) == 1
    assert "1 bad records left out, the first 2: " in note


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rejected": " It. "}, "chosen and rejected are the same answer"),
        ({"rejected": ""}, "rejected is empty"),
        ({"instruction": None}, "instruction is empty"),
        ({"chosen": ["a"]}, "chosen is not a text"),
    ],
)
def test_a_pair_that_says_nothing_is_named(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=f"line 2: {sentence}"):
        pairs_of(write(tmp_path, [PAIR, PAIR | change]))


def test_equal_answers_with_different_scores_are_left_out_and_counted(tmp_path: Path) -> None:
    record = scored(1, 2, 3)
    record["responses_and_scores"][1]["response"] = "answer 1"
    rows, note = pairs_of(write(tmp_path, [record]))
    assert [row["rejected"] for row in rows] == ["answer 1"]
    assert "1 pairs left out that have equal answers" in note


def test_repeated_pairs_are_there_once(tmp_path: Path) -> None:
    rows, note = pairs_of(write(tmp_path, [PAIR, PAIR]))
    assert [row["row"] for row in rows] == [1]
    assert "1 pairs left out that repeat an earlier one" in note


def test_nothing_but_ties_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no pair of a better and a worse answer: 3 pairs"):
        pairs_of(write(tmp_path, [scored(4, 4, 4)]))


def test_columns_of_no_layout_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, [{"question": "Why?", "good": "a", "bad": "b"}])
    with pytest.raises(RequestError, match="has the columns question, good, bad: user_input and"):
        pairs_of(path)
    columns = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    assert pairs_of(path, columns=columns)[0][0]["query"] == "Why?"
    with pytest.raises(RequestError, match=r"no layout of comparisons has choosen .did you mean"):
        ingest(data_config(path, columns={"choosen": "good"}))


def test_roles_that_comparisons_do_not_come_to_are_named(tmp_path: Path) -> None:
    data = data_config(write(tmp_path, [PAIR])).model_copy(update={"optional": ("sores",)})
    with pytest.raises(RequestError, match="comparisons come to query, chosen, rejected"):
        ingest(data)


def test_pairs_become_examples_whose_text_is_the_query(tmp_path: Path) -> None:
    data = data_config(write(tmp_path, [PAIR, scored(1, 2)][:1]))
    raw = ingest(data)
    rows = prepare(raw, data).read()
    assert rows["text"].tolist() == ["Say it.\n\nnow"]
    assert rows["chosen"].tolist() == ["It."]
    assert "pairs layout" in raw.origin


def test_the_shipped_sample_is_read_whole() -> None:
    path = samples_dir() / "comparisons.jsonl"
    rows, note = pairs_of(path)
    assert len(rows) > 600
    assert len({row["query"] for row in rows}) >= 150
    assert "bad records" not in note


def test_real_pairs_are_read(real_data: Path) -> None:
    path = real_data / "preferences.jsonl"
    with pytest.raises(RequestError, match="chosen and rejected are the same answer"):
        pairs_of(path)
    rows, note = pairs_of(path, on_bad_line="skip")
    assert len(rows) > 1150
    assert "6 bad records left out" in note
