"""How like the rows of test are to those of training, measured without what grouped them.

Training is here what models learn from or are chosen by: validation, too. Up to 5,000 rows every
test row is compared with every training row by edit similarity. Beyond, a sample of 1,000 test rows
is, each with the training rows that share most of its rare character 5-grams (an inverted index, no
signature). What is found at the threshold is left out of training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from scipy.sparse import csr_array

from tasks.splitting.duplicates import edit_similarity, required
from tasks.splitting.grams import compared, hash_grams

EXACT_UP_TO = 5_000
SAMPLE = 1_000
LEVELS = (80, 90, 95)
"""Percent of edit similarity."""
_ROWS_AT_A_TIME = 100
_SLOTS = 24  # bits of a gram's hash that are kept
_GRAM = 5
_RARE = 500  # occurrences up to which a gram tells texts apart
_CLOSEST = 20
_TEXTS_AT_A_TIME = 4_000


@dataclass(frozen=True)
class Nearest:
    """Pairs of a test row and a training row that are alike.

    Attributes:
        pairs: int (pairs, 2): positions of both.
        similarity: float (pairs,): of each, from .8 (or the threshold, if that is less).
        rows: test rows that were compared.
    """

    pairs: np.ndarray
    similarity: np.ndarray
    rows: int

    def without(self, rows: np.ndarray) -> "Nearest":
        """The pairs that are left when these rows (int positions) go."""
        stays = ~np.isin(self.pairs, rows).any(axis=1)
        return Nearest(self.pairs[stays], self.similarity[stays], self.rows)

    def counts(self) -> dict[int, int]:
        """Per cent -> test rows with a training row at least so much alike."""
        return {
            level: len(np.unique(self.pairs[self.similarity >= level / 100 - 1e-6, 0]))
            for level in LEVELS
        }


def nearest(texts: Sequence[str], part: np.ndarray, threshold: float, seed: int) -> Nearest:
    """Compare test rows with training rows.

    Args:
        texts: of the rows of all parts.
        part: str (rows,): the part of each.
        threshold: similarity of interest, if that is less than .8.
        seed: of the sample.
    """
    train, test = np.flatnonzero(part != "test"), np.flatnonzero(part == "test")
    least = min(threshold, LEVELS[0] / 100)
    if len(texts) <= EXACT_UP_TO:
        forms = [compared(text) for text in texts]
        pairs = _all_alike(forms, test, train, least)
    else:
        test = np.sort(np.random.default_rng(seed).permutation(test)[:SAMPLE])
        forms = [compared(text) for text in texts]
        pairs = _closest(forms, test, train)
    found = edit_similarity(forms, pairs, least)
    return Nearest(pairs[found > 0], found[found > 0], len(test))


def too_near(texts: Sequence[str], found: Nearest, threshold: float) -> np.ndarray:
    """int: the training rows of the pairs that count as one text, each once."""
    if not len(found.pairs):
        return np.empty(0, dtype=np.int64)
    involved, places = np.unique(found.pairs, return_inverse=True)
    forms = [compared(texts[at]) for at in involved]
    least = required(forms, places.reshape(-1, 2), threshold)
    return np.unique(found.pairs[found.similarity >= least, 1])


def _all_alike(
    forms: Sequence[str], test: np.ndarray, train: np.ndarray, least: float
) -> np.ndarray:
    learned = [forms[at] for at in train]
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(test), _ROWS_AT_A_TIME):
        asked = test[start : start + _ROWS_AT_A_TIME]
        table = cdist(
            [forms[at] for at in asked],
            learned,
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=least - 1e-6,
            dtype=np.float32,
        )
        one, other = np.nonzero(table)
        found.append(np.column_stack([asked[one], train[other]]))
    return np.concatenate(found)


def _closest(forms: Sequence[str], test: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Pairs of each test row with the training rows that share most of its rare grams."""
    grams, starts = _slots([forms[at] for at in test])
    asked = np.zeros(2**_SLOTS, dtype=bool)
    asked[grams] = True
    rows, columns = [], []
    for start in range(0, len(train), _TEXTS_AT_A_TIME):
        some, begins = _slots([forms[at] for at in train[start : start + _TEXTS_AT_A_TIME]])
        row = np.repeat(np.arange(start, start + len(begins) - 1, dtype=np.int32), np.diff(begins))
        rows.append(row[asked[some]])
        columns.append(some[asked[some]])
    row, column = np.concatenate(rows), np.concatenate(columns)
    rare = np.bincount(column, minlength=2**_SLOTS)[column] <= _RARE
    learned = csr_array(
        (np.ones(int(rare.sum()), dtype=np.float32), (column[rare], row[rare])),
        shape=(2**_SLOTS, len(train)),
    )
    of_test = csr_array(
        (np.ones(len(grams), dtype=np.float32), grams, starts), shape=(len(test), 2**_SLOTS)
    )
    shared = (of_test @ learned).tocsr()
    found = [np.empty((0, 2), dtype=np.int64)]
    for at in range(len(test)):
        counts = shared.data[shared.indptr[at] : shared.indptr[at + 1]]
        others = shared.indices[shared.indptr[at] : shared.indptr[at + 1]]
        closest = others[np.argsort(-counts, kind="stable")[:_CLOSEST]]
        found.append(np.column_stack([np.full(len(closest), test[at]), train[closest]]))
    return np.concatenate(found)


def _slots(forms: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    grams, starts = hash_grams(forms, _GRAM, seed=1)
    return (grams >> np.uint32(32 - _SLOTS)).astype(np.int32), starts
