"""Folds: every row once, equal prompts together, sizes as equal as that allows."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.assignment import assign
from tasks.splitting.dealing import Hand, deal_folds
from tasks.splitting.grams import normalise
from tasks.splitting.units import Units


def fold_numbers(prompts: list[str], count: int, seed: int) -> np.ndarray:
    """The fold of each row."""
    _, first, unit, sizes = np.unique(
        prompts, return_index=True, return_inverse=True, return_counts=True
    )
    hand = Hand(unit, sizes, None, first, np.zeros(len(sizes), dtype=bool), "prompt", -sizes)
    return deal_folds(hand, count, seed)[unit]


def folds_of(prompts: list[str], count: int, seed: int) -> np.ndarray:
    """The fold of each row: the one whose test part has it."""
    units = Units(prompts, np.arange(len(prompts)), noun="prompt")
    folds = assign(units, SplitConfig(folds=count, seed=seed)).folds
    tested = np.array(folds) == "test"
    assert (tested.sum(axis=0) == 1).all()
    return tested.argmax(axis=0)


PROMPTS = st.lists(st.sampled_from([f"p {i}" for i in range(25)]), min_size=2, max_size=60)


@given(PROMPTS, st.integers(2, 6), st.integers(0, 99))
def test_folds_partition_the_rows_and_share_no_prompt(
    prompts: list[str], count: int, seed: int
) -> None:
    assume(len(set(prompts)) >= count)
    number = fold_numbers(prompts, count, seed)
    for fold in range(count):
        tested = {prompts[i] for i in np.flatnonzero(number == fold)}
        assert tested
        assert not tested & {prompts[i] for i in np.flatnonzero(number != fold)}
    sizes = np.bincount(number)
    assert max(sizes) - min(sizes) <= max(Counter(prompts).values())


@given(st.integers(2, 60), st.integers(2, 6), st.integers(0, 9))
def test_without_repeats_sizes_differ_by_one_at_most(rows: int, count: int, seed: int) -> None:
    assume(rows >= count)
    sizes = np.bincount(fold_numbers([f"p{i}" for i in range(rows)], count, seed))
    assert sizes.max() - sizes.min() <= 1


@given(PROMPTS, st.integers(0, 99))
def test_the_seed_decides(prompts: list[str], seed: int) -> None:
    assume(len(set(prompts)) >= 2)
    assert (fold_numbers(prompts, 2, seed) == fold_numbers(prompts, 2, seed)).all()


def test_another_seed_makes_other_folds() -> None:
    prompts = [f"p{i}" for i in range(50)]
    made = {tuple(fold_numbers(prompts, 5, seed)) for seed in range(5)}
    assert len(made) == 5


def test_case_and_spacing_make_a_near_duplicate() -> None:
    numbers = folds_of(["X squared", "x  squared", "y", "z", "w", "v", "u"], 2, 0)
    assert numbers[0] == numbers[1]


def test_more_folds_than_prompts_are_refused() -> None:
    with pytest.raises(RequestError, match="the data has 2"):
        folds_of(["a", "a", "b"], 3, 0)
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        SplitConfig(folds=1)


def test_the_real_pairs_make_five_folds_of_ten(real_data) -> None:
    prompts = pd.read_csv(real_data / "english_to_latex.csv")["English"].tolist()
    numbers = folds_of(prompts, 5, 42)
    assert np.bincount(numbers).tolist() == [10] * 5
    twice = [i for i, p in enumerate(prompts) if normalise(p) == "f of x equals x squared"]
    assert len(twice) == 2
    assert len(set(numbers[twice])) == 1
