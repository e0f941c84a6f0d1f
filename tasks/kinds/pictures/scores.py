"""How good answers to questions about pictures are: the official measure, and how sure they were.

VQA accuracy (Antol et al. 2015; https://visualqa.org/evaluation.html): an answer that n of the
ten annotators gave counts min(n / 3, 1), after both were brought into one form. What the
official script prints is that figure's mean over the ten ways of leaving one annotator out,
which is lower where n is from 1 to 3 (3 of 10: 0.9 instead of 1). `vqa_accuracy` is the formula
as it is published; the script's mean stands beside it as `vqa_accuracy_leave_one_out`, for
comparison with published tables. Where a question has fewer than three answers, all of them are
enough: with one answer both are its exact match.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

ENOUGH = 3
"""Annotators who must have given an answer for it to count whole."""
QUESTION_ONLY, IMAGE_ONLY = "question only", "image only"
MOST_FREQUENT = "most frequent answer by type"
"""The baselines, as tables call them."""
SCORES = ("vqa_accuracy", "vqa_accuracy_leave_one_out", "exact_match")

_ARTICLES = {"a", "an", "the"}
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
} | {"none": "0"}
# The punctuation that becomes a space. Apostrophe and colon stay (2:50), and so does what the
# official script does not list ($, %, &, #, *).
_TO_SPACE = re.compile(r"[;/\[\]\"{}()=+\\_\-><@`,?!]")
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),(?=\d)")
_PERIOD_NOT_DECIMAL = re.compile(r"\.(?!\d)")
# What people type without its apostrophe. Left out is what is a word of its own without it (its,
# well, were, ill, shed, lets, hell, wed, id), as the official list does.
_WITH_APOSTROPHE = """
ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't
needn't oughtn't shan't shouldn't wasn't weren't won't wouldn't
could've i've might've must've should've they've we've what've where've who've would've you've
couldn't've hadn't've mightn't've shouldn't've wouldn't've he'd've i'd've it'd've she'd've
there'd've they'd've we'd've who'd've you'd've
he'd how'd it'd somebody'd someone'd that'd there'd they'd where'd who'd why'd you'd
how'll it'll somebody'll someone'll something'll they'll what'll who'll why'll you'll
they're there're what're why're you're
he's how's somebody's someone's something's that's there's what's when's where's who's why's
i'm ma'am o'clock 'twas y'all
"""
_CONTRACTIONS = {word.replace("'", ""): word for word in _WITH_APOSTROPHE.split()}


@lru_cache(maxsize=200_000)
def normalise_answer(text: str) -> str:
    """The one form in which answers are compared, by the published rules.

    Lower case; no commas inside numbers; other punctuation to spaces; no periods but decimal
    points; number words to ten as digits; no articles; contractions with their apostrophe.
    Unlike the official script this does so even where all annotators agree, so that "Yes." is
    "yes" for every question. Doing it twice changes nothing.
    """
    text = _TO_SPACE.sub(" ", _COMMA_IN_NUMBER.sub("", text.lower()))
    words = (_NUMBERS.get(word, word) for word in _PERIOD_NOT_DECIMAL.sub("", text).split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, answers: Sequence[str]) -> float:
    """min(n / 3, 1) for an answer that n of the annotators gave.

    Args:
        answer: of the model.
        answers: what each annotator said, one or more; of k < 3, k are enough.
    """
    given = normalise_answer(answer)
    same = sum(normalise_answer(said) == given for said in answers)
    return min(same / min(ENOUGH, len(answers)), 1.0)


def vqa_accuracy_leave_one_out(answer: str, answers: Sequence[str]) -> float:
    """The official script's figure: the mean of `vqa_accuracy` without each annotator in turn.

    Of k annotators the n who gave the answer leave n - 1 each, the others n. With fewer than
    four annotators there is no leaving out, and it is `vqa_accuracy`.
    """
    total = len(answers)
    if total <= ENOUGH:
        return vqa_accuracy(answer, answers)
    given = normalise_answer(answer)
    same = sum(normalise_answer(said) == given for said in answers)
    without = same * min((same - 1) / ENOUGH, 1.0) if same else 0.0
    return (without + (total - same) * min(same / ENOUGH, 1.0)) / total


def exact_match(answer: str, truth: str) -> float:
    """1 where the answer is the one that most annotators gave, in the form of comparison."""
    return float(normalise_answer(answer) == normalise_answer(truth))


def score_answers(
    given: Sequence[str], answers: Sequence[Sequence[str]], truths: Sequence[str]
) -> pd.DataFrame:
    """A row a question, with the columns `SCORES`.

    Args:
        given: the model's answers.
        answers: what each annotator said.
        truths: what most of them said.
    """
    return pd.DataFrame(
        [
            (vqa_accuracy(one, said), vqa_accuracy_leave_one_out(one, said), exact_match(one, most))
            for one, said, most in zip(given, answers, truths, strict=True)
        ],
        columns=list(SCORES),
        dtype=float,
    )


def vqa_metrics(scores: pd.DataFrame, answer_types: Sequence[str]) -> dict[str, float]:
    """Each score's mean over all questions, and over those of each answer type.

    Args:
        scores: of `score_answers`, with a row.
        answer_types: `yes/no`, `number`, `other` of each question.

    Returns:
        `vqa_accuracy`, `vqa_accuracy_yes_no`, `vqa_accuracy_number`, …
    """
    means = {str(name): float(value) for name, value in scores.mean().items()}
    kinds = pd.Series(list(answer_types), index=scores.index, dtype="str")
    for kind, rows in scores.groupby(kinds.str.replace("/", "_"), sort=True):
        means |= {f"{name}_{kind}": float(value) for name, value in rows.mean().items()}
    return means


@dataclass(frozen=True)
class MostFrequentAnswer:
    """The baseline that looks at neither picture nor question, but for the question's type.

    Attributes:
        by_type: question type -> its most frequent answer in training.
        otherwise: the most frequent of all, for a type that training does not have.
    """

    by_type: Mapping[str, str]
    otherwise: str

    @classmethod
    def of(cls, question_types: Sequence[str], truths: Sequence[str]) -> "MostFrequentAnswer":
        """From the training part; the first in the alphabet where two are equally frequent."""
        counts: dict[str, Counter[str]] = {}
        for kind, truth in zip(question_types, truths, strict=True):
            counts.setdefault(kind, Counter())[truth] += 1
        everything: Counter[str] = sum(counts.values(), Counter())
        return cls({kind: _first(found) for kind, found in counts.items()}, _first(everything))

    def answers(self, question_types: Sequence[str]) -> list[str]:
        """An answer to each question."""
        return [self.by_type.get(kind, self.otherwise) for kind in question_types]


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda answer: (-counts[answer], answer))


@dataclass(frozen=True)
class Confidence:
    """How sure a model was of an answer, between 0 and 1.

    Attributes:
        product: the probability of exactly this answer: of all its tokens, each given those
            before it, and of its end there. The chapter's caption promises it; no code computes
            it there. Long answers have a small one, however sure.
        geometric_mean: the same to the power of 1 / tokens: a token's typical probability, which
            does not depend on the length.
    """

    product: float
    geometric_mean: float


def confidence(log_probabilities: Sequence[float]) -> Confidence:
    """Of an answer, from the natural logarithms of its tokens' probabilities, the end's among them.

    Args:
        log_probabilities: one or more, as `tasks.kinds.pictures.model.answering.Answer` has them.
    """
    total = math.fsum(log_probabilities)
    return Confidence(math.exp(total), math.exp(total / len(log_probabilities)))
