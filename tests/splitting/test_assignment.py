"""The three parts of a data set: what stays together, what is left out, what is refused."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splitting.assigned import assign_parts, check_leakage

from tasks.config import SplitConfig
from tasks.errors import RequestError

PLAIN = SplitConfig()
FRANCHISES = SplitConfig(group_by="franchise")


def parts_by_id(examples: pd.DataFrame, config: SplitConfig) -> dict[str, str]:
    return dict(zip(examples["id"], assign_parts(examples, config).part, strict=True))


def put(examples: pd.DataFrame, column: str, at: list[int], values: list) -> pd.DataFrame:
    """The examples with other values in `column` at these positions."""
    changed = examples[column].tolist()
    for position, value in zip(at, values, strict=True):
        changed[position] = value
    return examples.assign(**{column: changed})


def test_every_row_gets_a_part_and_the_parts_have_their_sizes(examples: pd.DataFrame):
    assignment = assign_parts(examples, SplitConfig(validation=0.2, test=0.1))
    assert assignment.part.value_counts().to_dict() == {"train": 280, "validation": 80, "test": 40}
    assert assignment.report.parts[0] == {"train": 280, "validation": 80, "test": 40}
    frames = assignment.frames(examples)
    assert sorted(pd.concat(frames.values())["id"]) == sorted(examples["id"])
    assert all(frame["row"].is_monotonic_increasing for frame in frames.values())


def test_every_label_keeps_its_share(examples: pd.DataFrame):
    report = assign_parts(examples, PLAIN).report
    for label, spread in report.labels.items():
        assert sum(spread.rows.values()) == sum(label in row for row in examples["labels"])
        assert sum(spread.share.values()) == pytest.approx(1)
        assert spread.share["test"] == pytest.approx(0.15, abs=0.06), label


def test_single_label_rows_are_stratified_too(make_examples: Callable[..., pd.DataFrame]):
    report = assign_parts(make_examples(1_000, labels=5, single=True), PLAIN).report
    for spread in report.labels.values():
        assert spread.share["validation"] == pytest.approx(0.15, abs=0.01)
        assert spread.share["test"] == pytest.approx(0.15, abs=0.01)


def test_the_same_seed_gives_the_same_parts_and_another_does_not(examples: pd.DataFrame):
    first = parts_by_id(examples, PLAIN)
    assert parts_by_id(examples, PLAIN) == first
    assert parts_by_id(examples, SplitConfig(seed=7)) != first


def test_the_parts_do_not_depend_on_the_order_of_the_rows(examples: pd.DataFrame):
    titles = [f"Brass Heron {number}" for number in range(1, 6)]
    examples = put(examples, "title", [3, 90, 200, 301, 399], titles)
    near = [f"{examples['text'][49]} {word}" for word in ("more", "again")]
    examples = put(examples, "text", [50, 51], near)
    shuffled = examples.sample(frac=1, random_state=1).assign(row=range(1, 401))
    assert parts_by_id(examples, FRANCHISES) == parts_by_id(shuffled, FRANCHISES)


def test_the_parts_are_the_same_in_another_process():
    """Python salts its own hashes anew in every process."""
    code = (
        "import pandas as pd; from tasks.config import SplitConfig;"
        "from tasks.splitting.assignment import assign;"
        "from tasks.splitting.units import text_units;"
        "rows = pd.DataFrame({'row': range(30), 'id': map(str, range(30)),"
        " 'text': [f'{n} {n * 7919} {n ** 5} {n ** 7} {n * 104729}' for n in range(30)],"
        " 'labels': [[f'l{n % 3}'] for n in range(30)]});"
        "units = text_units(rows, SplitConfig(), True);"
        "print(''.join(part[0] for part in assign(units, SplitConfig()).folds[0]))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(runs) == 1
    assert set(runs.pop().strip()) == {"t", "v"}  # test and train begin alike


def test_sequels_stay_in_one_part(examples: pd.DataFrame):
    titles = [f"Brass Heron: Chapter {number} of Rain" for number in range(40)]
    examples = put(examples, "title", list(range(0, 400, 10)), titles)
    assignment = assign_parts(examples, FRANCHISES)
    of_series = examples["title"].isin(titles)
    assert assignment.part[of_series].nunique() == 1
    assert assignment.group[of_series].nunique() == 1
    assert assignment.report.largest_group_rows == 40
    assert assignment.report.largest_group == titles[0]
    assert assignment.report.groups == 361
    assert assign_parts(examples, PLAIN).part[of_series].nunique() == 3


def test_a_repeated_text_is_kept_once_and_its_first_labels_stand(examples: pd.DataFrame):
    text = examples["text"][399]
    examples = put(examples, "text", [5, 6], [text, text])
    examples = put(examples, "labels", [5, 6, 399], [["label00"], ["label01"], ["label00"]])
    assignment = assign_parts(examples, PLAIN)
    assert (assignment.part == "dropped").to_numpy().nonzero()[0].tolist() == [6, 399]
    assert assignment.group[[5, 6, 399]].nunique() == 1
    report = assignment.report
    assert (report.rows, report.repeated, report.dropped, report.conflicting) == (400, 2, 2, 1)
    assert sum(report.parts[0].values()) == 398
    assert "2 rows" in report.notes[0]


def test_texts_that_differ_in_case_or_spaces_are_no_repeats_but_stay_together(
    examples: pd.DataFrame,
):
    text = examples["text"][399]
    examples = put(examples, "text", [5, 6], [text.upper(), "  " + text])
    assignment = assign_parts(examples, PLAIN)
    assert (assignment.report.repeated, assignment.report.dropped) == (0, 0)
    assert assignment.part[[5, 6, 399]].nunique() == assignment.group[[5, 6, 399]].nunique() == 1


def test_the_first_of_a_repeated_text_is_the_first_in_the_source(examples: pd.DataFrame):
    examples = put(examples, "text", [10, 20], ["one and the same text"] * 2)
    backwards = examples.iloc[::-1]
    assert assign_parts(backwards, PLAIN).part[[10, 20]].tolist()[1] == "dropped"


def test_repeated_texts_can_be_kept_and_stay_in_one_part(examples: pd.DataFrame):
    examples = put(examples, "text", list(range(30)), ["one and the same text"] * 30)
    assignment = assign_parts(examples, SplitConfig(drop_duplicates=False))
    assert "dropped" not in set(assignment.part)
    assert assignment.part[:30].nunique() == 1
    assert (assignment.report.repeated, assignment.report.dropped) == (29, 0)


def test_near_duplicates_stay_in_one_part(examples: pd.DataFrame):
    variants = [f"{examples['text'][0]} w{number}" for number in range(12)]
    examples = put(examples, "text", list(range(20, 32)), variants)
    assignment = assign_parts(examples, PLAIN)
    assert assignment.part[[0, *range(20, 32)]].nunique() == 1
    assert (assignment.report.near_clusters, assignment.report.near_texts) == (1, 13)
    apart = assign_parts(examples, SplitConfig(near_duplicates=None))
    assert apart.part[[0, *range(20, 32)]].nunique() > 1
    assert apart.report.near_clusters == 0


def test_ties_form_chains(examples: pd.DataFrame):
    """0 and 1 share a series, 1 and 2 nearly a text, 2 and 3 another series."""
    titles = ["Brass Heron", "Brass Heron 2", "Moonlit Kiln", "Moonlit Kiln OVA"]
    examples = put(examples, "title", [0, 1, 2, 3], titles)
    examples = put(examples, "text", [2], [examples["text"][1] + " indeed"])
    group = assign_parts(examples, FRANCHISES).group
    assert group[:4].nunique() == 1
    assert (group == group[0]).sum() == 4


def test_rows_without_a_title_are_not_one_series(examples: pd.DataFrame):
    report = assign_parts(examples.assign(title=None), FRANCHISES).report
    assert report.largest_group_rows == 1
    assert report.largest_group.startswith("row ")


def test_an_absent_label_is_reported(examples: pd.DataFrame):
    examples = put(examples, "labels", [7], [["unique"]])
    report = assign_parts(examples, PLAIN).report
    assert sum(report.labels["unique"].rows.values()) == 1
    assert "Label 'unique' (1 row) is absent from validation and test." in report.notes


def test_of_hundreds_of_absent_labels_a_few_are_named(examples: pd.DataFrame):
    rows = list(range(20))
    examples = put(examples, "labels", rows, [[f"unique {row}"] for row in rows])
    notes = [each for each in assign_parts(examples, PLAIN).report.notes if "a part" in each]
    assert notes == ["So are 15 more labels from a part."]


def test_three_rows_are_too_few(make_examples: Callable[..., pd.DataFrame]):
    with pytest.raises(RequestError, match=r"^3 usable rows are too few .* at least 7 are needed"):
        assign_parts(make_examples(3), PLAIN)


def test_the_least_number_of_rows_does_make_three_parts(make_examples: Callable[..., pd.DataFrame]):
    report = assign_parts(make_examples(7), PLAIN).report
    assert report.parts[0] == {"train": 5, "validation": 1, "test": 1}
    with pytest.raises(RequestError, match=r"6 usable rows .* at least 7"):
        assign_parts(make_examples(6), PLAIN)


def test_rows_that_repeat_a_text_do_not_count(examples: pd.DataFrame):
    same = examples.assign(text=["first text here", "second text here"] * 200)
    with pytest.raises(
        RequestError, match=r"^2 usable rows \(398 more repeat a text\) are too few"
    ):
        assign_parts(same, PLAIN)


def test_no_rows_at_all_are_refused(examples: pd.DataFrame):
    with pytest.raises(RequestError, match=r"^0 usable rows"):
        assign_parts(examples.iloc[:0], PLAIN)


def test_a_group_that_leaves_too_little_is_named(examples: pd.DataFrame):
    titles = [f"Brass Heron {number % 9 + 1}" for number in range(380)]
    examples = put(examples, "title", list(range(380)), titles)
    with pytest.raises(RequestError, match=r"group 'Brass Heron 1' holds 380 of the 400 .* 60"):
        assign_parts(examples, FRANCHISES)


def test_three_groups_are_enough_if_their_sizes_fit(make_examples: Callable[..., pd.DataFrame]):
    titles = ["Brass Heron 2"] * 4 + ["Moonlit Kiln 2"] * 3 + ["Nine Bridges 2"] * 3
    examples = make_examples(10).assign(title=titles)
    report = assign_parts(examples, FRANCHISES).report
    assert report.parts[0] == {"train": 4, "validation": 3, "test": 3}
    assert "Groups stay whole, so train has 40.0% of the rows where 70.0% were asked for." in (
        report.notes
    )


def test_a_missing_group_column_says_which_columns_there_are(examples: pd.DataFrame):
    with pytest.raises(RequestError, match="'title', and the examples have only row, id, text"):
        assign_parts(examples.drop(columns="title"), FRANCHISES)


TITLE = st.sampled_from(
    [None, "Brass Heron", "Brass Heron 2", "Brass Heron: Rain", "Moonlit Kiln", "Kiln", "Kiln II"]
)


@settings(deadline=None, max_examples=20)
@given(data=st.data(), seed=st.integers(0, 1_000), drop=st.booleans())
def test_nothing_is_ever_on_both_sides(
    make_examples: Callable[..., pd.DataFrame], data: st.DataObject, seed: int, drop: bool
):
    examples = make_examples(120, seed=seed)
    changed = data.draw(st.lists(st.integers(0, 119), min_size=1, max_size=25, unique=True))
    titles = [data.draw(TITLE) for _ in changed]
    words = [examples["text"][position % 7].split() for position in changed]
    texts = [" ".join([*some[: data.draw(st.integers(14, 20))], "end"]) for some in words]
    examples = put(put(examples, "title", changed, titles), "text", changed, texts)
    config = SplitConfig(group_by="franchise", seed=seed, drop_duplicates=drop)
    assignment = assign_parts(examples, config)
    frames = assignment.frames(examples)

    check_leakage(frames, config)
    kept = pd.concat(frames.values())
    assert kept["row"].is_unique
    assert set(kept["row"]) == set(examples["row"][assignment.part != "dropped"])
    rows_in_use = assignment.part != "dropped"
    part_of = assignment.part[rows_in_use].groupby(assignment.group[rows_in_use])
    assert (part_of.nunique() == 1).all()
    largest = assignment.report.largest_group_rows
    for part, share in assignment.report.requested.items():
        assert abs(len(frames[part]) - share * len(kept)) <= max(1, largest)


def test_labels_read_from_parquet_are_arrays_and_work(examples: pd.DataFrame):
    as_arrays = examples.assign(labels=[np.array(row, dtype=object) for row in examples["labels"]])
    assert parts_by_id(as_arrays, PLAIN) == parts_by_id(examples, PLAIN)
