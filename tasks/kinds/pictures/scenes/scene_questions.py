"""What can be asked about a scene, with the true answers, and which of it is asked.

Every kind of question lists all that it could ask about a scene. Of these, that question is
taken whose answer was asked for least so far in its kind and about its subject: so "Is there a
red star?" is yes as often as no over all scenes, and a question alone does not give its answer
away.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations

from tasks.kinds.pictures.scenes.scene_world import COLOURS, SHAPES, Scene, Thing

YES_NO, NUMBER, OTHER = "yes/no", "number", "other"
_APART = 0.16  # shares of the side by which two things must differ to be left or right of another


@dataclass(frozen=True)
class Question:
    """One thing to ask.

    Attributes:
        kind: key of `KINDS` and of `scene_wording.WORDINGS`.
        fields: what the wording names (`colour`, `shape`, `shapes`, `a`, `b`).
        answer: the truth.
        subject: the thing that a colour or shape is asked of, else None.
    """

    kind: str
    fields: tuple[tuple[str, str], ...]
    answer: str
    subject: Thing | None = None

    @property
    def answer_type(self) -> str:
        """As VQA v2 has it: `yes/no`, `number`, `other`."""
        return ANSWER_TYPES[self.kind]


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def plural(shape: str) -> str:
    """`crosses`."""
    return f"{shape}es" if shape.endswith("s") else f"{shape}s"


def _colour_there(scene: Scene) -> Iterator[Question]:
    there = {thing.colour for thing in scene.things}
    for colour in COLOURS:
        yield Question("colour_there", (("colour", colour),), _yes(colour in there))


def _shape_there(scene: Scene) -> Iterator[Question]:
    there = {thing.shape for thing in scene.things}
    for shape in SHAPES:
        yield Question("shape_there", (("shape", shape),), _yes(shape in there))


def _thing_there(scene: Scene) -> Iterator[Question]:
    """A thing that is there; or one of a colour and a shape that are both there, apart."""
    there = {(thing.colour, thing.shape) for thing in scene.things}
    for colour in sorted({colour for colour, _ in there}):
        for shape in sorted({shape for _, shape in there}):
            fields = (("colour", colour), ("shape", shape))
            yield Question("thing_there", fields, _yes((colour, shape) in there))


def _only(scene: Scene) -> list[Thing]:
    """The things whose name fits no other."""
    names = Counter(thing.name for thing in scene.things)
    return [thing for thing in scene.things if names[thing.name] == 1]


def _left_of(scene: Scene) -> Iterator[Question]:
    for a, b in permutations(_only(scene), 2):
        if abs(a.x - b.x) > _APART:
            yield Question("left_of", (("a", a.name), ("b", b.name)), _yes(a.x < b.x))


def _above(scene: Scene) -> Iterator[Question]:
    for a, b in permutations(_only(scene), 2):
        if abs(a.y - b.y) > _APART:
            yield Question("above", (("a", a.name), ("b", b.name)), _yes(a.y < b.y))


def _more(scene: Scene) -> Iterator[Question]:
    counts = Counter(thing.shape for thing in scene.things)
    for a, b in permutations(SHAPES, 2):
        if counts[a] != counts[b]:
            fields = (("a", plural(a)), ("b", plural(b)))
            yield Question("more", fields, _yes(counts[a] > counts[b]))


def _count_all(scene: Scene) -> Iterator[Question]:
    yield Question("count_all", (), str(len(scene.things)))


def _count_shape(scene: Scene) -> Iterator[Question]:
    counts = Counter(thing.shape for thing in scene.things)
    for shape in SHAPES:
        yield Question("count_shape", (("shapes", plural(shape)),), str(counts[shape]))


def _count_colour(scene: Scene) -> Iterator[Question]:
    counts = Counter(thing.colour for thing in scene.things)
    for colour in COLOURS:
        yield Question("count_colour", (("colour", colour),), str(counts[colour]))


def _colour_of(scene: Scene) -> Iterator[Question]:
    counts = Counter(thing.shape for thing in scene.things)
    for thing in scene.things:
        if counts[thing.shape] == 1:
            yield Question("colour_of", (("shape", thing.shape),), thing.colour, thing)


def _shape_of(scene: Scene) -> Iterator[Question]:
    counts = Counter(thing.colour for thing in scene.things)
    for thing in scene.things:
        if counts[thing.colour] == 1:
            yield Question("shape_of", (("colour", thing.colour),), thing.shape, thing)


def _lone_colour(scene: Scene) -> Iterator[Question]:
    colours = {thing.colour for thing in scene.things}
    if len(colours) == 1:
        yield Question("lone_colour", (), colours.pop(), scene.things[0])


def _ground(scene: Scene) -> Iterator[Question]:
    yield Question("ground", (), scene.ground)


def _side(scene: Scene) -> Iterator[Question]:
    for thing in _only(scene):
        if abs(thing.x - 0.5) > _APART:
            yield Question("side", (("a", thing.name),), "left" if thing.x < 0.5 else "right")


def _height(scene: Scene) -> Iterator[Question]:
    for thing in _only(scene):
        if abs(thing.y - 0.5) > _APART:
            yield Question("height", (("a", thing.name),), "top" if thing.y < 0.5 else "bottom")


KINDS: dict[str, tuple[str, Callable[[Scene], Iterator[Question]]]] = {
    "colour_there": (YES_NO, _colour_there),
    "shape_there": (YES_NO, _shape_there),
    "thing_there": (YES_NO, _thing_there),
    "left_of": (YES_NO, _left_of),
    "above": (YES_NO, _above),
    "more": (YES_NO, _more),
    "count_all": (NUMBER, _count_all),
    "count_shape": (NUMBER, _count_shape),
    "count_colour": (NUMBER, _count_colour),
    "colour_of": (OTHER, _colour_of),
    "shape_of": (OTHER, _shape_of),
    "lone_colour": (OTHER, _lone_colour),
    "ground": (OTHER, _ground),
    "side": (OTHER, _side),
    "height": (OTHER, _height),
}
ANSWER_TYPES = {kind: answer_type for kind, (answer_type, _) in KINDS.items()}
# How often each kind is tried. Shares of the answer types come near VQA v2's: 38 % yes/no, 12 %
# numbers, 50 % other.
_WEIGHTS = {
    "colour_there": 4,
    "shape_there": 3,
    "thing_there": 2,
    "left_of": 1,
    "above": 1,
    "more": 1,
    "count_all": 2,
    "count_shape": 1,
    "count_colour": 1,
    "colour_of": 7,
    "shape_of": 4,
    "lone_colour": 3,
    "ground": 2,
    "side": 2,
    "height": 2,
}


@dataclass
class Asker:
    """Chooses questions about one scene after another, so that answers stay balanced."""

    random: random.Random
    asked: Counter[tuple[str, tuple[tuple[str, str], ...], str]] = field(default_factory=Counter)
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)

    def questions(self, scene: Scene, number: int) -> list[Question]:
        """At most `number` questions, each of another kind."""
        weights = dict(_WEIGHTS)
        chosen: list[Question] = []
        while weights and len(chosen) < number:
            kind = self.random.choices([*weights], [*weights.values()])[0]
            del weights[kind]
            possible = list(KINDS[kind][1](scene))
            if possible:
                chosen.append(self._rarest(possible))
        return chosen

    def _rarest(self, possible: list[Question]) -> Question:
        self.random.shuffle(possible)
        best = min(possible, key=self._uses)
        self.asked[(best.kind, best.fields, best.answer)] += 1
        self.answered[(best.kind, best.answer)] += 1
        return best

    def _uses(self, question: Question) -> tuple[int, int]:
        """How often its very words had this answer, then how often its kind had."""
        key = (question.kind, question.fields, question.answer)
        return self.asked[key], self.answered[(question.kind, question.answer)]
