"""Texts as sets of word 3-shingles, the form in which near duplicates are compared.

A shingle is three words in a row; texts that differ by a word differ in three shingles. Words are
runs of letters and digits of the normalised text (Chinese and Japanese characters one by one,
since nothing stands between their words), so punctuation does not count. A text of one or two
words is a single shingle, and one of none (":-)") is a shingle of its characters: such texts are
alike only where they are equal.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

SHINGLE = 3

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+")
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)  # odd, as xxHash's


def normalise(text: str) -> str:
    """The text as duplicates are told by: composed Unicode, casefolded, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def stable_hash(text: str) -> int:
    """64 bits of BLAKE2b: the same in every process, unlike `hash`."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


class _WordHashes(dict[str, int]):
    """`stable_hash` of a word, computed once."""

    def __missing__(self, word: str) -> int:
        value = self[word] = stable_hash(word)
        return value


def shingle(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hash the shingles of `texts`.

    Returns:
        shingles: uint64, one hash a shingle, text after text, repeats included.
        starts: int64, (texts + 1,): text i owns shingles[starts[i]:starts[i + 1]], at least one.
    """
    hashes = _WordHashes()
    flat: list[int] = []
    lengths = np.empty(len(texts), dtype=np.int64)
    for index, text in enumerate(texts):
        words = _WORD.findall(normalise(text)) or [normalise(text)]
        flat.extend([hashes[word] for word in words])
        missing = max(0, SHINGLE - len(words))
        flat.extend([0] * missing)
        lengths[index] = len(words) + missing
    words_of_all = np.array(flat, dtype=np.uint64)
    ends = np.cumsum(lengths)
    # Every place from which SHINGLE words of one text follow: all but each text's last two.
    places = np.ones(len(flat), dtype=bool)
    for back in range(1, SHINGLE):
        places[ends - back] = False
    first = np.flatnonzero(places)
    shingles = np.zeros(len(first), dtype=np.uint64)
    for offset, multiplier in enumerate(_MULTIPLIERS):
        shingles += words_of_all[first + offset] * np.uint64(multiplier)
    starts = np.concatenate([[0], np.cumsum(lengths - (SHINGLE - 1))])
    return shingles, starts
