"""How near an answer comes to the one that was to be written: ROUGE, BLEU and chrF.

BLEU and chrF are sacrebleu's own (Post 2018, arXiv 1804.08771). ROUGE is Lin 2004 (ROUGE: A Package
for Automatic Evaluation of Summaries, sections 2 and 3): F1 of shared n-grams, and of the longest
common subsequence of words. All are between 0 and 1 here; words in other words earn none of them.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from rapidfuzz.distance import LCSseq

from tasks.evaluation.weighted_part import Linear

NEARNESS = ("rouge_1", "rouge_2", "rouge_l", "chrf")
"""Figures of each answer, whose means are shown."""
SIMILARITY = "similarity"
"""The cosine of a vector of each, which a model makes (`kinds/writing/similarity.py`)."""
BLEU_ORDER = 4
BLEU_SUMS = (
    *(f"bleu_right_{n}" for n in range(1, BLEU_ORDER + 1)),
    *(f"bleu_all_{n}" for n in range(1, BLEU_ORDER + 1)),
    "bleu_words",
    "bleu_expected_words",
)
"""What BLEU, a figure of all answers together, is made of."""
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def words_of(text: str) -> list[str]:
    """The words of a text as ROUGE counts them: letters, marks and digits, in small letters.

    Where a script writes no space between words, each character is one. For English they are the
    words of the metric's common implementations.
    """
    spaced = []
    for sign in unicodedata.normalize("NFC", text).lower():
        if unicodedata.category(sign)[0] not in "LMN":
            spaced.append(" ")
        elif not sign.isascii() and unicodedata.name(sign, "").startswith(_UNSPACED):
            spaced.append(f" {sign} ")
        else:
            spaced.append(sign)
    return "".join(spaced).split()


def rouge(expected: str, text: str) -> tuple[float, float, float]:
    """F1 of single words, of pairs of words, and of the longest common subsequence, 0 to 1."""
    wanted, given = words_of(expected), words_of(text)
    pairs = list(pairwise(wanted)), list(pairwise(given))
    return (
        _f1((Counter(wanted) & Counter(given)).total(), len(wanted), len(given)),
        _f1((Counter(pairs[0]) & Counter(pairs[1])).total(), len(pairs[0]), len(pairs[1])),
        _f1(LCSseq.similarity(wanted, given), len(wanted), len(given)),
    )


def nearness(expected: Sequence[str], texts: Sequence[str]) -> dict[str, np.ndarray]:
    """`NEARNESS` and `BLEU_SUMS` of each text, float64 (n,)."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu, chrf = BLEU(effective_order=True), CHRF()
    rows = []
    for wanted, given in zip(expected, texts, strict=True):
        counted = bleu.sentence_score(given, [wanted])
        rows.append(
            (
                *rouge(wanted, given),
                chrf.sentence_score(given, [wanted]).score / 100,
                *counted.counts,
                *counted.totals,
                counted.sys_len,
                counted.ref_len,
            )
        )
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(NEARNESS) + len(BLEU_SUMS)).T
    return dict(zip((*NEARNESS, *BLEU_SUMS), columns, strict=True))


class Bleu(Linear):
    """BLEU-4 of all answers together, `bleu`, from counts of each.

    Papineni, Roukos, Ward and Zhu, BLEU: a Method for Automatic Evaluation of Machine Translation,
    ACL 2002; words and smoothing are sacrebleu's defaults.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__(frame[list(BLEU_SUMS)].fillna(0.0).to_numpy(dtype=float).T)

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        from sacrebleu.metrics.bleu import BLEU

        counts = np.rint(sums).astype(int).T
        scores = [
            BLEU.compute_bleu(
                row[:BLEU_ORDER].tolist(),
                row[BLEU_ORDER : 2 * BLEU_ORDER].tolist(),
                int(row[-2]),
                int(row[-1]),
                smooth_method="exp",
            ).score
            for row in counts
        ]
        return {"bleu": np.array(scores, dtype=np.float64) / 100}


def _f1(shared: int, wanted: int, given: int) -> float:
    return 2 * shared / (wanted + given) if shared else 0.0
