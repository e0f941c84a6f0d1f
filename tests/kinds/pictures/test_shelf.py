"""Rows that are computed once: found again, whole or not there, and never over the limit."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tasks.errors import ThawError
from tasks.kinds.pictures import shelf
from tasks.kinds.pictures.shelf import Rows, Shelf, shelve
from tasks.training.hidden_store import trunk_dir

WIDTH = 3
GIGABYTE = 10**9


class Counting:
    """Computes row i as its number in every place, and counts what it computed."""

    def __init__(self, lengths: np.ndarray, die_at: int | None = None) -> None:
        self.lengths, self.die_at = lengths, die_at
        self.rows: list[int] = []

    def __call__(self, numbers: np.ndarray) -> Iterator[Tensor]:
        for number in numbers.tolist():
            if number == self.die_at:
                raise KeyboardInterrupt
            self.rows.append(number)
            yield torch.full((int(self.lengths[number]), WIDTH), float(number))


def rows_of(lengths: np.ndarray, dtype: str = "float32", **content: str) -> Rows:
    names = [f"row {n}" for n in range(len(lengths))]
    return Rows("rows", names, lengths, WIDTH, dtype, {"kind": "test", **content})


def check(kept: Shelf, lengths: np.ndarray) -> None:
    for number, length in enumerate(lengths):
        assert torch.equal(kept.row(number), torch.full((int(length), WIDTH), float(number)))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=40),
    st.integers(1, 2000),
    st.sampled_from(["float32", "bfloat16"]),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_row_comes_back(
    monkeypatch: pytest.MonkeyPatch, found: list[int], shard_bytes: int, dtype: str
) -> None:
    monkeypatch.setattr(shelf, "SHARD_BYTES", shard_bytes)
    lengths = np.array(found)
    # Rows of other lengths need a name of their own: equal names are equal rows.
    rows = rows_of(lengths, dtype, found=str(found), size=str(shard_bytes))
    compute = Counting(lengths)
    kept = shelve(rows, compute, GIGABYTE)
    check(kept, lengths)
    assert kept.bytes == lengths.sum() * WIDTH * (4 if dtype == "float32" else 2)
    computed = len(compute.rows)
    check(shelve(rows, compute, GIGABYTE), lengths)
    assert len(compute.rows) == computed


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "SHARD_BYTES", 4 * WIDTH * 4)


@pytest.mark.usefixtures("small_shards")
def test_a_killed_pass_goes_on_behind_its_last_whole_shard() -> None:
    lengths = np.ones(10, dtype=np.int64)
    rows = rows_of(lengths)
    with pytest.raises(KeyboardInterrupt):
        shelve(rows, Counting(lengths, die_at=6), GIGABYTE)
    assert len([*trunk_dir().glob("*/index.json")]) == 1
    again = Counting(lengths)
    check(shelve(rows, again, GIGABYTE), lengths)
    assert sorted(again.rows) == [4, 5, 6, 7, 8, 9]


@pytest.mark.usefixtures("small_shards")
def test_a_damaged_shard_is_computed_again() -> None:
    lengths = np.ones(8, dtype=np.int64)
    rows = rows_of(lengths)
    kept = shelve(rows, Counting(lengths), GIGABYTE)
    path = kept.shards[1].folder / "states.bin"
    path.write_bytes(b"\0" * path.stat().st_size)
    again = Counting(lengths)
    check(shelve(rows, again, GIGABYTE), lengths)
    assert sorted(again.rows) == [4, 5, 6, 7]


def test_what_does_not_fit_is_said_before_it_is_computed() -> None:
    lengths = np.ones(100, dtype=np.int64)
    compute = Counting(lengths)
    with pytest.raises(ThawError, match=r"training\.trunk_limit_gb"):
        shelve(rows_of(lengths), compute, 100)
    assert compute.rows == []


def test_other_content_is_another_entry() -> None:
    lengths = np.ones(4, dtype=np.int64)
    keys = {key for name in "ab" for key, _ in rows_of(lengths, encoder=name).shards()}
    keys |= {key for key, _ in rows_of(lengths, "bfloat16", encoder="a").shards()}
    assert len(keys) == 3
