"""Labels of one, two and three rows: where they are needed, and nobody else's loss."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splitting.assigned import assign_parts

from tasks.config import PARTS, SplitConfig
from tasks.splitting.stratify import count_labels, divide, place_rare_labels


def parts_of_spam(rows: int, seed: int) -> list[str]:
    texts = [f"message {n} of {n * 7919} words about {n * 104729}" for n in range(200 + rows)]
    labels = [["ham"]] * 200 + [["spam"]] * rows
    examples = pd.DataFrame({"row": range(1, 201 + rows), "text": texts, "labels": labels})
    config = SplitConfig(seed=seed, near_duplicates=None)
    return sorted(assign_parts(examples, config).part[200:])


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_of_a_class_go_where_they_are_needed(seed: int) -> None:
    assert parts_of_spam(1, seed) == ["train"]
    assert parts_of_spam(2, seed) == ["train", "validation"]
    assert parts_of_spam(3, seed) == ["test", "train", "validation"]
    assert set(parts_of_spam(5, seed)) == set(PARTS)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_no_label_loses_its_last_group_of_a_part(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = [
        [str(label) for label in np.flatnonzero(row)] or ["0"]
        for row in generator.random((60, 6)) < np.array([0.9, 0.5, 0.2, 0.08, 0.05, 0.03])
    ]
    counts, _ = count_labels(labels, np.arange(60))
    dealt = divide(counts, np.ones(60, dtype=np.int64), (0.7, 0.15, 0.15), seed)
    placed = dealt.copy()
    place_rare_labels(placed, counts)

    def held(division: np.ndarray) -> np.ndarray:
        return np.array([(counts[division == part] > 0).sum(axis=0) > 0 for part in range(3)])

    before, after = held(dealt), held(placed)
    several = np.asarray((counts > 0).sum(axis=0)).ravel() > 2
    assert (after[:, several] >= before[:, several]).all()
    assert after[0].all()  # what nobody learns from, nobody can answer
    assert (placed != dealt).sum() <= 6
