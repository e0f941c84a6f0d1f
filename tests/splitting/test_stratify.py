"""Groups are divided so that rows and labels have the shares that were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tasks.splitting.stratify import count_labels, divide, divide_by_size

SHARES = (0.7, 0.15, 0.15)


def drawn(groups: int, labels: int, seed: int, most: int = 1) -> tuple[csr_array, np.ndarray]:
    """Groups of one to `most` rows with skewed labels, one to three a row."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, size=groups)
    weights = 1 / np.arange(1, labels + 1)
    names = [f"{index:03}" for index in range(labels)]
    rows = [
        rng.choice(
            names, size=min(labels, rng.integers(1, 4)), replace=False, p=weights / sum(weights)
        )
        for _ in range(sizes.sum())
    ]
    counts, _ = count_labels(rows, np.repeat(np.arange(groups), sizes))
    return counts, sizes


def label_shares(counts: csr_array, part: np.ndarray) -> np.ndarray:
    """float (parts, labels): share of each label's rows in each part."""
    rows = np.array([counts[part == index].sum(axis=0) for index in range(len(SHARES))])
    return rows / rows.sum(axis=0)


def test_labels_are_counted_once_a_row_and_summed_over_the_group():
    labels = [["b", "a"], ["a", "a"], ["c"]]
    counts, names = count_labels(labels, np.array([0, 0, 1]))
    assert names == ("a", "b", "c")
    assert counts.toarray().tolist() == [[2, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("most", [1, 6])
def test_every_label_has_its_share_in_every_part(most: int):
    counts, sizes = drawn(3_000, 20, seed=1, most=most)
    part = divide(counts, sizes, SHARES, seed=42)
    rows = np.bincount(part, weights=sizes) / sizes.sum()
    assert rows == pytest.approx(SHARES, abs=0.002)
    assert np.abs(label_shares(counts, part).T - SHARES).max() < 0.03


def test_labels_are_far_closer_to_their_shares_than_by_chance():
    counts, sizes = drawn(1_000, 30, seed=2, most=4)
    ours = np.abs(label_shares(counts, divide(counts, sizes, SHARES, seed=1)).T - SHARES).mean()
    chance = np.mean(
        [
            np.abs(
                label_shares(
                    counts, np.random.default_rng(seed).choice(3, size=len(sizes), p=SHARES)
                ).T
                - SHARES
            ).mean()
            for seed in range(20)
        ]
    )
    assert ours < chance / 3


def test_large_groups_do_not_all_go_to_training():
    sizes = np.array([10] * 40 + [1] * 1_600)
    counts = csr_array(sizes[:, None])
    part = divide(counts, sizes, SHARES, seed=3)
    large = np.bincount(part[:40], minlength=3)
    assert large.tolist() == pytest.approx([28, 6, 6], abs=2)
    assert np.bincount(part, weights=sizes).tolist() == pytest.approx([1400, 300, 300], abs=1)


def test_a_label_of_three_rows_is_not_lost_to_training_alone():
    rows = [["rare", "common"]] * 7 + [["common"]] * 93
    counts, names = count_labels(rows, np.arange(100))
    part = divide(counts, np.ones(100, dtype=np.int64), SHARES, seed=0)
    rare = label_shares(counts, part)[:, names.index("rare")] * 7
    assert rare.tolist() == pytest.approx([5, 1, 1])


def test_parts_are_filled_even_where_every_label_is_rare():
    counts, _ = count_labels([[f"label{index}"] for index in range(20)], np.arange(20))
    part = divide(counts, np.ones(20, dtype=np.int64), SHARES, seed=0)
    assert np.bincount(part).tolist() == [14, 3, 3]


def test_the_seed_decides():
    counts, sizes = drawn(300, 8, seed=4)
    first, again, other = (divide(counts, sizes, SHARES, seed=seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_a_few_large_groups_are_divided_by_size():
    sizes = np.array([3, 4, 3])
    assert sorted(divide_by_size(sizes, SHARES).tolist()) == [0, 1, 2]
    assert divide_by_size(sizes, SHARES)[1] == 0


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    labels=st.integers(1, 6),
    seed=st.integers(0, 99),
    shares=st.sampled_from([(0.7, 0.15, 0.15), (0.8, 0.1, 0.1), (0.34, 0.33, 0.33)]),
)
def test_every_group_gets_a_part_and_sizes_are_within_the_largest_group(
    sizes: list[int], labels: int, seed: int, shares: tuple[float, ...]
):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows = [[f"l{index}" for index in rng.integers(0, labels, size=2)] for _ in groups]
    counts, _ = count_labels(rows, groups)
    part = divide(counts, np.array(sizes), shares, seed)
    assert set(part.tolist()) <= {0, 1, 2}
    got = np.bincount(part, weights=sizes, minlength=3)
    assert np.abs(got - np.array(shares) * sum(sizes)).max() <= max(sizes)
