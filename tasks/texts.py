"""When two texts are the same, and what generated ones are like: varied, repetitive, finished.

Words are runs of characters between white space.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

PAIR = "\n␞\n"
"""What stands between the two texts of a pair, where they are kept as one."""
_Gram = tuple[str, ...]
_WORD = re.compile(r"\w+")


def identity(text: str) -> str:
    """What two texts have in common where they are the same: composed Unicode, one line end.

    Case and white space count, as they do in code, in spelling, in verse. Texts that differ in
    little are another matter (`splitting/duplicates.py`).
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def ngrams(text: str, n: int) -> Iterator[_Gram]:
    """Every run of n words, repeats included."""
    words = text.split()
    return zip(*(words[start:] for start in range(n)), strict=False)


def distinct(texts: Sequence[str], n: int) -> float:
    """distinct-n: different n-grams of all texts together / all of their n-grams, 0 to 1.

    Li, Galley, Brockett, Gao and Dolan, A Diversity-Promoting Objective Function for Neural
    Conversation Models, NAACL 2016, section 5 (which divides by the number of words; n-grams,
    as in the code that is common since, let a text without repetition have 1). It falls
    as texts become more or longer: compare it between answers to the same prompts.

    Returns:
        0 where there is no n-gram.
    """
    grams = [gram for text in texts for gram in ngrams(text, n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repetition(text: str, n: int = 4) -> float:
    """seq-rep-n: the share of a text's n-grams that stood in it before, 0 to 1.

    1 - different n-grams / n-grams: Welleck, Kulikov, Roller, Dinan, Cho and Weston, Neural Text
    Generation with Unlikelihood Training, ICLR 2020, section 6.

    Returns:
        0 for a text shorter than n words.
    """
    grams = list(ngrams(text, n))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def overlap(source: str, text: str) -> float:
    """Share of a text's words that stand in the text it was made from, 0 to 1.

    Words here are letters and digits, whatever their case: a full stop behind a word makes it no
    other. A summary that falls well below its kind has drifted from its article.

    Returns:
        0 for a text without words.
    """
    known = set(_WORD.findall(source.lower()))
    words = _WORD.findall(text.lower())
    return sum(word in known for word in words) / len(words) if words else 0.0


def text_scores(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Figures of each text, float64 (n,): `repetition_4` and `words`."""
    return {
        "repetition_4": np.array([repetition(text) for text in texts], dtype=np.float64),
        "words": np.array([len(text.split()) for text in texts], dtype=np.float64),
    }
