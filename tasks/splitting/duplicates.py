"""Repeated and nearly repeated texts, in time linear in the rows.

**Exact** duplicates are equal but for the Unicode form and line ends (`tasks.texts.identity`).

**Near** duplicates have an edit similarity (1 - Levenshtein distance / length of the longer) of at
least the threshold, both in the form of `grams.compared`; texts of fewer than 24 bytes one of .9,
since a word changed in four makes another text. Comparing every pair is quadratic, so MinHash
signatures of character grams choose which pairs to compare (Broder 1997; LSH banding: Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, section 3.4): a signature value of two texts agrees
with probability J, their grams' Jaccard similarity, a band of 3 values with J^3, and texts that
agree in at least one of 32 bands become candidates: 98.6 % of those at J = .5, 0.1 % at .03, where
strangers of one language lie. A word changed in eight leaves J at about .6. Every candidate is then
checked by its edit similarity, so that what is found is certain.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from tasks.splitting.components import connected_pairs
from tasks.splitting.grams import compared, hash_grams, normalise, stable_hash
from tasks.texts import identity

Bucketed = tuple[np.ndarray, np.ndarray]  # texts in bucket order, where each bucket starts

BANDS, ROWS = 32, 3
SHORT = 24
"""Bytes below which a text has to be more alike."""
SHORT_THRESHOLD = 0.9
_NO_PAIRS = np.empty((0, 2), dtype=np.int64)
_TEXTS_AT_A_TIME = 4_000
_PAIRS_AT_A_TIME = 100_000
_BANDS_AT_A_TIME = 8
_ROUNDING = 1e-6  # 4 characters of 5 are 0.8, whatever the division makes of it
_ALL_PAIRS_UP_TO = 32  # texts in a bucket; in a larger one each meets its neighbours only
_LEAST_AGREEMENT = 0.25  # of two signatures: below it, an edit similarity of .8 is most unlikely


def fingerprints(texts: Sequence[str]) -> np.ndarray:
    """uint64 (texts,): equal where the normalised texts are (two others: once in 10^19).

    They order texts; what tells repeats is `told_by`.
    """
    return np.array([stable_hash(normalise(text)) for text in texts], dtype=np.uint64)


def told_by(texts: Sequence[str]) -> np.ndarray:
    """uint64 (texts,): equal where the texts are the same (`tasks.texts.identity`)."""
    return np.array([stable_hash(identity(text)) for text in texts], dtype=np.uint64)


def find_near_duplicates(
    texts: Sequence[str], threshold: float, seed: int, part: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of near duplicates, enough to connect every cluster of them.

    Pairs of which both texts are connected by others already are not all looked at, so the
    number of pairs says little; the clusters (`components.connected_pairs`) do.

    Args:
        texts: any texts.
        threshold: edit similarity from which two texts count as one, 0 to 1.
        seed: of the MinHash permutations.
        part: (texts,): with it, only pairs across two parts are looked at, all that are
            candidates.

    Returns:
        int64 (pairs, 2) of positions in `texts`, the smaller first, in ascending order; and the
        similarity of each pair, 0 to 1.
    """
    forms = [compared(text) for text in texts]
    signatures = _signatures(forms, seed)
    buckets = list(_buckets(_band_keys(signatures)))
    count = len(texts)
    codes = seen = np.empty(0, dtype=np.int64)
    similar = np.empty(0)
    # By few bands at a time: what they connect need not be compared again for the next ones.
    for start in range(0, len(buckets), _BANDS_AT_A_TIME):
        for candidates in (_neighbours, _all_of_small):
            pairs = candidates(buckets[start : start + _BANDS_AT_A_TIME])
            if part is None:
                cluster = connected_pairs(count, _decode(codes, count))
                pairs = pairs[cluster[pairs[:, 0]] != cluster[pairs[:, 1]]]
            else:
                pairs = pairs[part[pairs[:, 0]] != part[pairs[:, 1]]]
            new = np.setdiff1d(_distinct(_encode(pairs, count)), seen, assume_unique=True)
            seen = np.concatenate([seen, new])
            pairs = _decode(new, count)
            pairs = pairs[_agreement(signatures, pairs) >= _LEAST_AGREEMENT]
            found = edit_similarity(forms, pairs, threshold)
            alike = found >= required(forms, pairs, threshold)
            codes = np.concatenate([codes, _encode(pairs[alike], count)])
            similar = np.concatenate([similar, found[alike]])
    order = np.argsort(codes)
    return _decode(codes[order], count), similar[order]


def edit_similarity(forms: Sequence[str], pairs: np.ndarray, least: float = 0.8) -> np.ndarray:
    """1 - Levenshtein distance / length of the longer, of each of `pairs` (pairs, 2): float.

    Args:
        forms: texts in the form of `grams.compared`.
        pairs: positions in them.
        least: below it, 0 stands for the similarity.
    """
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        left, right = pairs[start : start + _PAIRS_AT_A_TIME].T
        found[start : start + len(left)] = cpdist(
            [forms[at] for at in left],
            [forms[at] for at in right],
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=max(0.0, least - _ROUNDING),
            dtype=np.float64,
        )
    return found


def required(forms: Sequence[str], pairs: np.ndarray, threshold: float) -> np.ndarray:
    """The similarity from which each pair counts as one text, less what rounding may take."""
    if not len(pairs):
        return np.empty(0)
    longer = (max(forms[one], forms[other], key=len) for one, other in pairs.tolist())
    sizes = [len(form[:SHORT].encode("utf-8", "replace")) for form in longer]
    short = np.array(sizes) < SHORT
    return np.where(short, max(threshold, SHORT_THRESHOLD), threshold) - _ROUNDING


def _agreement(signatures: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The share of its signature that each pair agrees in."""
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS_AT_A_TIME):
        left, right = pairs[start : start + _PAIRS_AT_A_TIME].T
        found[start : start + len(left)] = (signatures[left] == signatures[right]).mean(axis=1)
    return found


def _encode(pairs: np.ndarray, count: int) -> np.ndarray:
    """One number a pair (pairs, 2) of numbers below `count`, whichever of the two stands first."""
    return pairs.min(axis=1) * count + pairs.max(axis=1)


def _distinct(codes: np.ndarray) -> np.ndarray:
    """As `np.unique`, whose hashing (numpy 2.4) takes half a minute for 4 million such codes."""
    codes = np.sort(codes)
    return codes[np.diff(codes, prepend=-1) > 0]


def _decode(codes: np.ndarray, count: int) -> np.ndarray:
    return np.column_stack(np.divmod(codes, max(1, count)))


def _signatures(forms: Sequence[str], seed: int) -> np.ndarray:
    """uint32 (texts, BANDS * ROWS): the least of each text's grams under as many permutations.

    A permutation of the 32-bit hashes is their product with an odd number.
    """
    rng = np.random.default_rng(seed)
    factors = rng.integers(1, 2**32, size=BANDS * ROWS, dtype=np.uint32) | np.uint32(1)
    signatures = np.empty((len(forms), len(factors)), dtype=np.uint32)
    for start in range(0, len(forms), _TEXTS_AT_A_TIME):
        grams, starts = hash_grams(forms[start : start + _TEXTS_AT_A_TIME])
        product = np.empty_like(grams)
        for at, factor in enumerate(factors):
            np.multiply(grams, factor, out=product)
            least = np.minimum.reduceat(product, starts[:-1])
            signatures[start : start + len(least), at] = least
    return signatures


def _band_keys(signatures: np.ndarray) -> np.ndarray:
    """uint64 (texts, BANDS): texts with equal keys in a column agree in that band."""
    mix = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    bands = signatures.reshape(len(signatures), BANDS, ROWS)
    keys = np.zeros((len(signatures), BANDS), dtype=np.uint64)
    for row in range(ROWS):
        keys += bands[:, :, row] * mix[row]
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
