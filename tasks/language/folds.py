"""Cross-validation for data that is too small to hold one part out: k folds of pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.errors import RequestError
from tasks.splitting.shingles import normalise


@dataclass(frozen=True)
class Fold:
    """Row positions, ascending: `held_out` is scored by a model that trained on `train`."""

    number: int
    train: np.ndarray
    held_out: np.ndarray


def fold_numbers(prompts: Sequence[str], count: int, seed: int) -> np.ndarray:
    """The fold of each row, 0 to count - 1.

    Rows whose prompts are equal (in case and spacing aside) come into one fold, whatever their
    completions: a model must not be asked what it was shown. The groups are dealt in a seeded
    order, larger ones first, each to the fold that has the fewest rows; so sizes differ by no
    more than the largest group.

    Raises:
        RequestError: fewer than two folds, or fewer distinct prompts than folds.
    """
    groups: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(normalise(prompt), []).append(row)
    if count < 2:
        raise RequestError(f"{count} folds leave nothing to train on: give at least 2.")
    if len(groups) < count:
        raise RequestError(
            f"{count} folds need as many different prompts, and the data has {len(groups)}: "
            "give fewer folds or more data."
        )
    random = np.random.default_rng(seed)
    members = list(groups.values())
    dealt = [members[place] for place in random.permutation(len(members))]
    sizes = np.zeros(count, dtype=np.int64)
    numbers = np.empty(len(prompts), dtype=np.int64)
    for group in sorted(dealt, key=len, reverse=True):
        smallest = int(sizes.argmin())
        numbers[group] = smallest
        sizes[smallest] += len(group)
    return numbers


def folds(prompts: Sequence[str], count: int, seed: int) -> Iterator[Fold]:
    """Each fold in turn as the held-out part; see `fold_numbers`."""
    numbers = fold_numbers(prompts, count, seed)
    for number in range(count):
        yield Fold(number, np.flatnonzero(numbers != number), np.flatnonzero(numbers == number))
