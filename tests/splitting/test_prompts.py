"""Pairs cut into parts or folds: every row once, like prompts together, nothing leaks."""

from functools import partial

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.parts import split_texts
from tasks.splitting.report import SplitReport
from tasks.splitting.units import text_units
from tasks.storage import TableRef, put_table

QUICK = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = st.lists(st.integers(0, 30), min_size=24, max_size=60).filter(lambda n: len(set(n)) > 12)


def split_pairs(
    examples: TableRef, config: SplitConfig
) -> tuple[tuple[dict[str, TableRef], ...], SplitReport]:
    return split_texts(examples, partial(text_units, config=config, labelled=False), config)


def table(prompts: list[str]) -> TableRef:
    rows = range(1, len(prompts) + 1)
    return put_table(
        pd.DataFrame(
            {
                "row": list(rows),
                "id": [f"row-{row}" for row in rows],
                "text": prompts,
                "labels": [[f"x_{row}"] for row in rows],
            }
        ),
        "test data",
    )


@QUICK
@given(NUMBERS, st.sampled_from([None, 2, 5]), st.integers(0, 99))
def test_every_row_is_in_one_part_and_prompts_stay_together(
    numbers: list[int], folds: int | None, seed: int
) -> None:
    prompts = [f"the number {number}" for number in numbers]
    config = SplitConfig(folds=folds, seed=seed, near_duplicates=None)
    stored, report = split_pairs(table(prompts), config)
    assert len(stored) == (folds or 1)
    tested: list[str] = []
    for parts in stored:
        frames = {name: part.read() for name, part in parts.items()}
        ids = [id_ for frame in frames.values() for id_ in frame["id"]]
        assert sorted(ids) == sorted(f"row-{row}" for row in range(1, len(prompts) + 1))
        texts = [set(frame["text"]) for frame in frames.values()]
        assert not texts[0] & texts[1]
        assert not texts[1] & texts[2]
        assert not texts[0] & texts[2]
        tested += frames["test"]["id"].tolist()
    if folds:
        assert sorted(tested) == sorted(f"row-{row}" for row in range(1, len(prompts) + 1))
    assert report.repeated == len(prompts) - len(set(prompts))


def test_shares_are_of_all_rows_and_with_folds_of_the_others() -> None:
    prompts = [f"formula {number} of many" for number in range(100)]
    config = SplitConfig(validation=0.2, test=0.3, near_duplicates=None)
    ((parts,), _) = split_pairs(table(prompts), config)
    assert {n: t.rows for n, t in parts.items()} == {"train": 50, "validation": 20, "test": 30}
    stored, _ = split_pairs(table(prompts), config.model_copy(update={"folds": 4}))
    for parts in stored:
        assert {n: t.rows for n, t in parts.items()} == {"train": 60, "validation": 15, "test": 25}


def test_the_seed_decides_and_alone() -> None:
    prompts = [f"formula {number} of many" for number in range(40)]

    def digests(seed: int) -> list[str]:
        ((parts,), _) = split_pairs(table(prompts), SplitConfig(seed=seed, near_duplicates=None))
        return [part.digest for part in parts.values()]

    assert digests(1) == digests(1) != digests(2)


def test_near_duplicates_stay_together_and_are_told() -> None:
    base = "the sum over all i from one to n of the square of x sub i minus the mean of x"
    prompts = [f"{base} number" if n % 2 else base for n in range(6)]
    prompts += [" ".join(f"w{n}x{k}" for k in range(6)) for n in range(30)]
    ((parts,), report) = split_pairs(table(prompts), SplitConfig(near_duplicates=0.8))
    holding = [n for n, part in parts.items() if part.read()["text"].str.startswith(base).any()]
    assert len(holding) == 1
    assert report.groups == 31
    assert report.notes[:2] == (
        "Rows that repeat another's prompt, kept with it in one part: 4.",
        "Prompts that are nearly another's, kept with it in one part: 1.",
    )


def test_too_few_prompts_are_a_sentence() -> None:
    with pytest.raises(RequestError, match="5 folds need as many different prompts"):
        split_pairs(table(["a b c", "d e f", "a b c"]), SplitConfig(folds=5))
    with pytest.raises(RequestError, match="1 prompts are too few for 3 parts"):
        split_pairs(table(["a b c", "a b c"]), SplitConfig())


def test_a_part_has_at_most_the_rows_that_it_may_have() -> None:
    table = pd.DataFrame(
        {
            "id": [f"r{n}" for n in range(40)],
            "row": range(40),
            "text": [f"prompt number {n} about {n * n}" for n in range(40)],
            "labels": [["answer"]] * 40,
        }
    )
    stored = put_table(table, "forty rows")
    options = {"near_duplicates": None, "test": 0.25, "validation": 0.25}
    (whole,), _ = split_pairs(stored, SplitConfig(**options))
    (few,), report = split_pairs(stored, SplitConfig(**options, rows={"train": 7, "test": 99}))
    assert {name: part.rows for name, part in few.items()} == {
        "train": 7,
        "validation": 10,
        "test": 10,
    }
    assert set(few["train"].read()["id"]) < set(whole["train"].read()["id"])
    assert few["test"].digest == whole["test"].digest
    assert any("split.rows" in note for note in report.notes)
