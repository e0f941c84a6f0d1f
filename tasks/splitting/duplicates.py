"""Repeated and nearly repeated texts, in time linear in the rows.

**Exact** duplicates are equal but for the Unicode form and line ends (`tasks.texts.identity`).

**Near** duplicates have a Jaccard similarity (shared shingles / all shingles of the two) of at
least the threshold. Comparing every pair is quadratic, so MinHash signatures choose which pairs
to compare (Broder 1997; LSH banding: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets,
section 3.4): a signature value of two texts agrees with probability J, a band of r values with
J^r, and texts that agree in at least one of b bands become candidates, a share of
1 - (1 - J^r)^b of them. Every candidate is then checked by its exact similarity, so that what is
found is certain; what is missed is bounded by the choice of r and b (`bands_for`).

The signatures are datasketch's. Its LSH index is not used: it keeps 42 Python dictionaries of all
rows, 1.4 GB for 100,000 of them, where sorting each band's column needs 34 MB.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from datasketch import MinHash
from scipy.sparse import csr_array

from tasks.splitting.components import connected_pairs
from tasks.splitting.shingles import normalise, shingle, stable_hash
from tasks.texts import identity

_NO_PAIRS = np.empty((0, 2), dtype=np.int64)
Bucketed = tuple[np.ndarray, np.ndarray]  # texts in bucket order, where each bucket starts

PERMUTATIONS = 256
_MISSED = 1e-5  # share of pairs exactly at the threshold that may go unseen
_TEXTS_AT_A_TIME = 5_000
_PAIRS_AT_A_TIME = 50_000
_BANDS_AT_A_TIME = 7
_ROUNDING = 1e-9  # 4 shingles of 5 are 0.8, whatever the division makes of it
_ALL_PAIRS_UP_TO = 32  # texts in a bucket; in a larger one each meets its neighbours only


def fingerprints(texts: Sequence[str]) -> np.ndarray:
    """uint64 (texts,): equal where the normalised texts are (two others: once in 10^19).

    They order texts; what tells repeats is `told_by`.
    """
    return np.array([stable_hash(normalise(text)) for text in texts], dtype=np.uint64)


def told_by(texts: Sequence[str]) -> np.ndarray:
    """uint64 (texts,): equal where the texts are the same (`tasks.texts.identity`)."""
    return np.array([stable_hash(identity(text)) for text in texts], dtype=np.uint64)


def find_near_duplicates(texts: Sequence[str], threshold: float, seed: int) -> np.ndarray:
    """Pairs of near duplicates, enough to connect every cluster of them.

    Pairs of which both texts are connected by others already are not all looked at, so the
    number of pairs says little; the clusters (`components.connected_pairs`) do.

    Args:
        texts: any texts.
        threshold: Jaccard similarity from which two texts count as one, 0 to 1.
        seed: of the MinHash permutations.

    Returns:
        int64 array (pairs, 2) of positions in `texts`, the smaller first, in ascending order.
    """
    buckets = list(_buckets(_band_keys(texts, *bands_for(threshold), seed)))
    # From here on, texts that share no bucket with another are left out of everything.
    involved = _distinct(np.concatenate([order for order, _ in buckets]))
    buckets = [(np.searchsorted(involved, order), starts) for order, starts in buckets]
    sets = _shingle_sets([texts[index] for index in involved])
    count = len(involved)
    similar = seen = np.empty(0, dtype=np.int64)
    # By few bands at a time: what they connect need not be compared again for the next ones.
    for start in range(0, len(buckets), _BANDS_AT_A_TIME):
        for candidates in (_neighbours, _all_of_small):
            pairs = candidates(buckets[start : start + _BANDS_AT_A_TIME])
            cluster = connected_pairs(count, _decode(similar, count))
            apart = pairs[cluster[pairs[:, 0]] != cluster[pairs[:, 1]]]
            new = np.setdiff1d(_distinct(_encode(apart, count)), seen, assume_unique=True)
            seen = np.concatenate([seen, new])
            alike = _jaccard(sets, _decode(new, count)) >= threshold - _ROUNDING
            similar = np.concatenate([similar, new[alike]])
    return involved[_decode(np.sort(similar), count)]


def _encode(pairs: np.ndarray, count: int) -> np.ndarray:
    """One number a pair (pairs, 2) of numbers below `count`, whichever of the two stands first."""
    return pairs.min(axis=1) * count + pairs.max(axis=1)


def _distinct(codes: np.ndarray) -> np.ndarray:
    """As `np.unique`, whose hashing (numpy 2.4) takes half a minute for 4 million such codes."""
    codes = np.sort(codes)
    return codes[np.diff(codes, prepend=-1) > 0]


def _decode(codes: np.ndarray, count: int) -> np.ndarray:
    return np.column_stack(np.divmod(codes, count))


def bands_for(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """The number of bands and of rows a band: as selective as `_MISSED` allows.

    More rows a band make fewer false candidates and more missed pairs: at a threshold of 0.8,
    42 bands of 6 miss 3 in a million pairs (of those exactly at it), 36 of 7 already 200.
    """
    choices = ((permutations // rows, rows) for rows in range(permutations, 0, -1))
    return next(
        ((bands, rows) for bands, rows in choices if (1 - threshold**rows) ** bands <= _MISSED),
        (permutations, 1),
    )


def _band_keys(texts: Sequence[str], bands: int, rows: int, seed: int) -> np.ndarray:
    """uint64 (texts, bands): texts with equal keys in a column agree in that band."""
    keys = np.empty((len(texts), bands), dtype=np.uint64)
    mix = np.random.default_rng(seed).integers(1, 2**64, size=rows, dtype=np.uint64) | np.uint64(1)
    for start in range(0, len(texts), _TEXTS_AT_A_TIME):
        shingles, starts = shingle(texts[start : start + _TEXTS_AT_A_TIME])
        owned = (shingles[begin:end].tolist() for begin, end in pairwise(starts))
        # The shingles are hashes already, so datasketch need not hash them again.
        signatures = MinHash.generator(
            owned, num_perm=PERMUTATIONS, seed=seed, hashfunc=int, scheme="affine64"
        )
        for index, signature in enumerate(signatures, start):
            values = signature.hashvalues[: bands * rows].reshape(bands, rows)
            keys[index] = (values * mix).sum(axis=1, dtype=np.uint64)
    return keys


def _buckets(keys: np.ndarray) -> Iterator[Bucketed]:
    """For each band: texts in order of their key, and where in that order each bucket starts.

    Within a bucket they are in order of the next band's key, so that those which agree in two
    bands stand side by side. Texts that are alone in their bucket are left out.
    """
    bands = keys.shape[1]
    for band in range(bands):
        order = np.lexsort((keys[:, (band + 1) % bands], keys[:, band]))
        key = keys[order, band]
        as_before = np.concatenate([[False], key[1:] == key[:-1]])
        as_after = np.concatenate([as_before[1:], [False]])
        shared = as_before | as_after
        yield order[shared], np.flatnonzero(~as_before[shared])


def _neighbours(buckets: Iterable[Bucketed]) -> np.ndarray:
    """Candidates (pairs, 2), at most two a text and band: with its bucket's first, and the next."""
    found = [_NO_PAIRS]
    for order, starts in buckets:
        sizes = np.diff(starts, append=len(order))
        first = np.repeat(order[starts], sizes)
        later = np.ones(len(order), dtype=bool)
        later[starts] = False
        at = np.flatnonzero(later)
        found += [
            np.column_stack([first[at], order[at]]),
            np.column_stack([order[at - 1], order[at]]),
        ]
    return np.concatenate(found)


def _all_of_small(buckets: Iterable[Bucketed]) -> np.ndarray:
    """Candidates (pairs, 2): all of the smaller buckets, except those of two (neighbours)."""
    found = [_NO_PAIRS]
    for order, starts in buckets:
        sizes = np.diff(starts, append=len(order))
        for size in range(3, _ALL_PAIRS_UP_TO + 1):
            members = order[starts[sizes == size, None] + np.arange(size)]
            left, right = np.triu_indices(size, 1)
            found.append(np.column_stack([members[:, left].ravel(), members[:, right].ravel()]))
    return np.concatenate(found)


def _jaccard(sets: csr_array, pairs: np.ndarray) -> np.ndarray:
    """The exact similarity of each of `pairs` (pairs, 2) of rows of `sets`: float64, 0 to 1."""
    sizes = np.diff(sets.indptr)
    similarity = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        left, right = pairs[start : start + _PAIRS_AT_A_TIME].T
        shared = sets[left].multiply(sets[right]).sum(axis=1)
        either = sizes[left] + sizes[right] - shared
        similarity[start : start + _PAIRS_AT_A_TIME] = shared / either
    return similarity


def _shingle_sets(texts: Sequence[str]) -> csr_array:
    """(texts, distinct shingles): 1 where the text has the shingle."""
    shingles, starts = shingle(texts)
    columns, distinct = pd.factorize(shingles)
    sets = csr_array(
        (np.ones(len(columns), dtype=np.int32), columns, starts), shape=(len(texts), len(distinct))
    )
    sets.sum_duplicates()
    sets.data[:] = 1
    return sets
