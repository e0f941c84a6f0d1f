"""Texts as sets of character 6-grams, the form in which candidates for near duplicates are found.

Characters, not words: half of the world's scripts put nothing between words. A text that differs
by a word of w characters differs in at most w + 5 grams on each side. Case, punctuation and white
space do not count; letters, their marks (the vowels of Devanagari, Thai and Khmer are marks),
digits and symbols do. A text of nothing else (":-)") stands for itself.
"""

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

GRAM = 6
_LEFT_OUT = "PZC"  # categories: punctuation, separators, controls


class _Spaces(dict[int, int]):
    """Characters as they are compared: those that do not count become a space."""

    def __missing__(self, code: int) -> int:
        value = 32 if unicodedata.category(chr(code))[0] in _LEFT_OUT else code
        self[code] = value
        return value


_SPACES = _Spaces()


def normalise(text: str) -> str:
    """The text in composed Unicode, casefolded, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def compared(text: str) -> str:
    """The text as near duplicates are told by."""
    plain = normalise(text)
    return " ".join(plain.translate(_SPACES).split()) or plain


def stable_hash(text: str) -> int:
    """64 bits of BLAKE2b: the same in every process, unlike `hash`."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def hash_grams(
    texts: Sequence[str], size: int = GRAM, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Hash the grams of `texts`.

    Args:
        texts: of `compared`.
        size: characters of a gram.
        seed: of the hash.

    Returns:
        grams: uint32, one hash a gram, text after text, repeats included.
        starts: int64, (texts + 1,): text i owns grams[starts[i]:starts[i + 1]], at least one.
    """
    padded = [f" {text} ".ljust(size) for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    factor = np.uint64((0x9E3779B97F4A7C15 + 2 * seed) % 2**64 | 1)
    whole = np.zeros(max(0, len(codes) - size + 1), dtype=np.uint64)
    for offset in range(size):
        whole *= factor
        whole += codes[offset : offset + len(whole)]
    # The finalizer of MurmurHash3: without it, texts of few characters fill few of the values.
    whole ^= whole >> np.uint64(33)
    whole *= np.uint64(0xFF51AFD7ED558CCD)
    whole ^= whole >> np.uint64(33)
    within = np.ones(len(whole), dtype=bool)  # all places but the last of each text
    ends = np.cumsum(lengths)
    for back in range(1, size):
        places = ends - back
        within[places[places < len(whole)]] = False
    starts = np.concatenate([[0], np.cumsum(lengths - (size - 1))])
    return (whole >> np.uint64(32)).astype(np.uint32)[within], starts
