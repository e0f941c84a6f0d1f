"""What a drawn scene holds: a few coloured shapes on a pale ground, placed without touching."""

import random
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "cross")
HUES = {"red": 0.0, "orange": 28.0, "yellow": 54.0, "green": 125.0, "blue": 218.0, "purple": 285.0}
"""Degrees on the colour circle."""
COLOURS = (*HUES, "black")
GROUNDS = {
    "white": (252, 252, 250),
    "grey": (200, 200, 202),
    "pink": (250, 208, 220),
    "beige": (236, 218, 180),
}
CELLS = 3
"""Shapes lie in the cells of a grid of so many rows and columns, anywhere inside their cell."""
_HUE_SPREAD = {"red": 4, "orange": 5, "yellow": 5, "green": 12, "blue": 10, "purple": 11}


@dataclass(frozen=True)
class Thing:
    """One shape.

    Attributes:
        shape: of `SHAPES`.
        colour: of `COLOURS`, as it was meant; near another colour some see that one.
        hue: degrees (black: 0).
        x: of its middle, a share of the width from the left.
        y: of its middle, a share of the height from the top.
        radius: share of the width.
        turn: degrees.
    """

    shape: str
    colour: str
    hue: float
    x: float
    y: float
    radius: float
    turn: float

    @property
    def name(self) -> str:
        """`red circle`."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """Shapes, no two of which touch, and the ground's colour (of `GROUNDS`)."""

    things: tuple[Thing, ...]
    ground: str


def invent_scene(random: random.Random) -> Scene:
    """A scene of one to six things."""
    cells = random.sample(range(CELLS * CELLS), random.choices(range(1, 7), (1, 3, 4, 4, 3, 2))[0])
    return Scene(
        things=tuple(_invent_thing(random, cell) for cell in sorted(cells)),
        ground=random.choice([*GROUNDS]),
    )


def _invent_thing(random: random.Random, cell: int) -> Thing:
    radius = random.uniform(0.13, 0.155)  # small things would take more pictures to learn
    row, column = divmod(cell, CELLS)
    room = 0.5 / CELLS - radius

    def within(place: int) -> float:
        return (place + 0.5) / CELLS + random.uniform(-room, room)

    colour = random.choice(COLOURS)
    hue = 0.0
    if colour in HUES:
        hue = (HUES[colour] + random.gauss(0, _HUE_SPREAD[colour])) % 360
    x, y = within(column), within(row)
    return Thing(random.choice(SHAPES), colour, hue, x, y, radius, random.uniform(-12, 12))


def named_colour(hue: float) -> str:
    """The colour whose place on the circle is nearest to `hue`."""
    return min(HUES, key=lambda name: abs((hue - HUES[name] + 180) % 360 - 180))
