"""Ten people answer a question about a scene, and do not quite agree.

They slip where people do: a hue between two colours is named by how it looks to each, counting
goes wrong by one, more often the more there is; a yes is typed for a no; and the same thing has
several words.
"""

import random
from collections import Counter

from tasks.kinds.pictures.scenes.scene_questions import NUMBER, YES_NO, Question
from tasks.kinds.pictures.scenes.scene_world import GROUNDS, named_colour
from tasks.kinds.pictures.scores import normalise_answer

ANNOTATORS = 10
_EYE = 6.5  # degrees: the standard deviation with which a hue looks different to people
_SLIP = 0.03
_LIKE_GROUND = {"white": "grey", "grey": "white", "pink": "red", "beige": "brown"}
_COUNT_SLIP = {0: 0.02, 1: 0.01, 2: 0.02, 3: 0.05}  # above: 0.1
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven")
_SYNONYMS = {
    "yes": ("Yes", "yes it is", "yep"),
    "no": ("No", "nope", "no."),
    "circle": ("round", "dot", "a circle", "ball"),
    "square": ("box", "a square", "rectangle"),
    "triangle": ("a triangle", "Triangle"),
    "star": ("a star", "star shape"),
    "cross": ("plus", "plus sign", "a cross"),
    "purple": ("violet", "lilac"),
    "green": ("dark green", "Green"),
    "blue": ("dark blue", "Blue"),
    "red": ("Red", "bright red"),
    "black": ("dark", "Black"),
    "grey": ("gray", "light grey"),
    "beige": ("tan", "cream"),
    "pink": ("light pink", "rose"),
    "left": ("on the left", "left side", "Left"),
    "right": ("on the right", "right side", "Right"),
    "top": ("at the top", "upper"),
    "bottom": ("at the bottom", "lower"),
}
_OTHER_WORD = 0.08
_OTHER_END = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


def annotate(question: Question, random: random.Random) -> dict[str, object]:
    """The answers in VQA v2's form: `answers`, `multiple_choice_answer`, `answer_type`."""
    said = [_said(question, random) for _ in range(ANNOTATORS)]
    counts = Counter(normalise_answer(answer) for answer in said)
    return {
        "answer_type": question.answer_type,
        "multiple_choice_answer": counts.most_common(1)[0][0],
        "answers": [
            {
                "answer": answer,
                "answer_confidence": "yes" if random.random() < 0.85 else "maybe",
                "answer_id": number,
            }
            for number, answer in enumerate(said, 1)
        ],
    }


def _said(question: Question, random: random.Random) -> str:
    seen = _seen(question, random)
    if question.answer_type == NUMBER:
        return _WORDS[int(seen)] if random.random() < 0.2 else seen
    if seen in _SYNONYMS and random.random() < _OTHER_WORD:
        return random.choice(_SYNONYMS[seen])
    return seen


def _seen(question: Question, random: random.Random) -> str:
    """What one annotator takes for the truth."""
    truth = question.answer
    if question.answer_type == YES_NO:
        wrong = "no" if truth == "yes" else "yes"
        return wrong if random.random() < _SLIP else truth
    if question.answer_type == NUMBER:
        if random.random() < _COUNT_SLIP.get(int(truth), 0.1):
            return str(max(0, int(truth) + random.choice((-1, 1))))
        return truth
    if question.kind in ("colour_of", "lone_colour"):
        if question.subject is None or truth == "black":
            return truth
        return named_colour((question.subject.hue + random.gauss(0, _EYE)) % 360)
    if truth in GROUNDS:
        return _LIKE_GROUND[truth] if random.random() < 2 * _SLIP else truth
    return _OTHER_END.get(truth, truth) if random.random() < _SLIP else truth
