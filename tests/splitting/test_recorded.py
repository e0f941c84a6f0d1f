"""A split that is remembered: rows come, go and change places, and none changes its part."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import SplitConfig
from tasks.config.loading import load_case
from tasks.errors import ThawError
from tasks.splitting.parts import Cut, cut
from tasks.splitting.recorded import OTHER_SETTINGS, lineage_of
from tasks.splitting.units import text_units

PLAIN = SplitConfig(near_duplicates=None)
NEAR = SplitConfig()
AUTHORS = SplitConfig(near_duplicates=None, group_by="column", group_role="title")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("THAW_STORE", str(tmp_path))
    return tmp_path


def split(
    rows: pd.DataFrame, path: Path | None, config: SplitConfig = PLAIN, labelled: bool = True
) -> Cut:
    return cut(rows, lambda some: text_units(some, config, labelled), config, path)


def parts_of(rows: pd.DataFrame, made: Cut) -> dict[str, str]:
    """Text -> its part; a text in none is left out."""
    (parts,) = made.folds
    return {rows["text"].iloc[at]: name for name, places in parts.items() for at in places}


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.data(),
    config=st.sampled_from([PLAIN, NEAR, AUTHORS]),
    labelled=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_row_ever_changes_its_part(
    make_examples: Callable[..., pd.DataFrame],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    config: SplitConfig,
    labelled: bool,
    seed: int,
) -> None:
    pool = make_examples(160, labels=3, seed=seed, words=12)
    for row in data.draw(st.lists(st.integers(0, 159), max_size=12)):  # ties of every sort
        pool.at[row, "title"] = pool.at[(row * 7) % 160, "title"]
        pool.at[row, "text"] = pool.at[(row * 3) % 160, "text"] + " indeed"
    path = tmp_path_factory.mktemp("lineage") / "split.parquet"
    seen: dict[str, str] = {}
    for step in range(3):
        chosen = np.random.default_rng(data.draw(st.integers(0, 999))).permutation(160)
        rows = pool.iloc[chosen[: 60 + 40 * step]].assign(row=range(60 + 40 * step))
        made = split(rows, path, config, labelled)
        now = parts_of(rows, made)
        changed = {text for text, part in now.items() if seen.get(text, part) != part}
        assert not changed
        out = set(rows["text"]) & set(seen) - set(now)
        left = made.report.left_out
        assert len(out) <= (
            left.parted + left.tying + left.repeated + left.conflicting + left.crossing
        )
        seen |= now


def test_new_rows_are_dealt_around_the_recorded_ones(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(2_000, labels=4, single=True), tmp_path / "a" / "split.parquet"
    first = split(rows[:1_000], path)
    assert first.report.recorded is None
    grown = split(rows.sample(frac=1, random_state=1), path)
    assert (grown.report.recorded, grown.report.new) == (1_000, 1_000)
    assert "1,000 rows kept the part that an earlier split recorded" in grown.report.notes[0]
    assert grown.report.parts[0] == {"train": 1_400, "validation": 300, "test": 300}
    for spread in grown.report.labels.values():
        assert spread.share["test"] == pytest.approx(0.15, abs=0.01)


def test_parts_come_back_to_their_shares_when_the_truth_drifts(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(1_000, labels=2, single=True), tmp_path / "split.parquet"
    few = rows[rows["labels"].str[0] == "label00"][:400]
    split(few, path)
    report = split(rows, path).report
    assert report.labels["label01"].share["test"] == pytest.approx(0.15, abs=0.02)


def test_a_new_row_that_ties_two_parts_is_left_out_and_counted(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(200, words=40), tmp_path / "split.parquet"
    (parts,) = split(rows, path, NEAR).folds
    one, other = rows["title"].iloc[parts["train"][0]], rows["text"].iloc[parts["test"][0]]
    tying = rows.iloc[[0]].assign(row=900, id="new", title=one, text=f"{other} indeed")
    both = SplitConfig(group_by="column", group_role="title")
    split(rows, tmp_path / "both.parquet", both)
    made = split(pd.concat([rows, tying], ignore_index=True), tmp_path / "both.parquet", both)
    assert (made.report.left_out.tying, made.report.left_out.parted) == (1, 0)
    assert "would tie recorded rows of different parts: 1 row." in " ".join(made.report.notes)
    assert sum(map(len, made.folds[0].values())) == 200


def test_a_new_text_between_two_parts_is_left_out_and_its_like_in_one_part_is_not(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(200, words=20), tmp_path / "split.parquet"
    words = [f"word{n}" for n in range(20)]
    ends = [" ".join([*(f"other{n}" for n in range(cut)), *words[cut:]]) for cut in (0, 7)]
    rows.loc[[0, 1], "text"] = ends
    seeds = (SplitConfig(seed=seed) for seed in range(20))
    for number, config in enumerate(seeds):  # until the two lie in different parts
        path = tmp_path / f"{number}.parquet"
        first = parts_of(rows, split(rows, path, config))
        if {first[ends[0]], first[ends[1]]} == {"train", "test"}:
            break
    between = " ".join(["other0", "other1", "other2", *words[3:]])
    beside = ends[0] + " indeed"
    new = rows.iloc[[2, 3]].assign(row=[900, 901], id=["n1", "n2"], text=[between, beside])
    grown = pd.concat([rows, new], ignore_index=True)
    made = split(grown, path, config)
    now = parts_of(grown, made)
    assert between not in now
    assert now[beside] == now[ends[0]] == first[ends[0]]
    assert now[ends[1]] == first[ends[1]]
    assert made.report.left_out.crossing == 1


def test_recorded_rows_that_turn_out_to_be_one_group_stay_apart_by_leaving_train(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(200), tmp_path / "split.parquet"
    (parts,) = split(rows, path, AUTHORS).folds
    one, other = int(parts["train"][0]), int(parts["test"][0])
    rows.at[one, "title"] = rows.at[other, "title"]  # the source has corrected a name
    made = split(rows, path, AUTHORS)
    assert made.report.left_out.parted == 1
    assert other in made.folds[0]["test"]
    assert one not in np.concatenate(list(made.folds[0].values()))


def test_other_settings_begin_a_lineage_and_say_so(
    make_examples: Callable[..., pd.DataFrame],
) -> None:
    rows = make_examples(200)

    def lineage(*overrides: str, case: str = "genre") -> Path | None:
        return lineage_of(load_case(case, "sample", list(overrides)))

    first, other = lineage("data.path=a.csv"), lineage("data.path=a.csv", "split.seed=7")
    assert first == lineage("data.path=b.csv") == lineage("data.path=a.csv", "split.rows.train=9")
    assert len({first, other, lineage(), lineage("data.path=a.csv", "data.limit=9")}) == 4
    assert lineage("split.folds=5", case="latex") is None
    assert OTHER_SETTINGS not in split(rows, first).report.notes
    made = split(rows, other, SplitConfig(seed=7, near_duplicates=None))
    assert made.report.notes[0] == OTHER_SETTINGS
    assert made.report.recorded is None


def test_sweeps_at_once_make_one_record(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows, path = make_examples(300), tmp_path / "split.parquet"
    halves = [rows[:200], rows[100:]]
    made: dict[int, dict[str, str]] = {}

    def run(number: int) -> None:
        made[number] = parts_of(halves[number], split(halves[number], path))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made[0]) == len(made[1]) == 200
    assert all(made[1].get(text, part) == part for text, part in made[0].items())
    assert parts_of(rows, split(rows, path)) == made[0] | made[1]


def test_a_damaged_record_is_said_and_nothing_is_dealt_anew(
    make_examples: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    path = tmp_path / "split.parquet"
    split(make_examples(60), path)
    path.write_bytes(b"half a record")
    with pytest.raises(ThawError, match=r"cannot be read .* delete it to have all rows dealt anew"):
        split(make_examples(60), path)
    assert path.read_bytes() == b"half a record"
