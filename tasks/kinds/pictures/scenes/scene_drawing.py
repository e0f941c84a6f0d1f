"""Drawing a scene: smooth-edged shapes, uneven colours and grain, as if drawn and scanned."""

import colorsys
import math
import random

import numpy as np
from PIL import Image, ImageDraw

from tasks.kinds.pictures.scenes.scene_world import GROUNDS, Scene, Thing

SIZE = 96
"""Pixels of a side."""
_FINER = 4  # drawn so many times larger, then scaled down
_GRAIN = 5.0  # standard deviation, of 255
Point = tuple[float, float]


def draw_scene(scene: Scene, random: random.Random) -> Image.Image:
    """The scene as an RGB picture of `SIZE` x `SIZE`; `random` makes shades and grain."""
    side = SIZE * _FINER
    ground = tuple(_shaken(random, value, 4) for value in GROUNDS[scene.ground])
    image = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(image)
    for thing in scene.things:
        colour = _colour(thing, random)
        if thing.shape == "circle":
            x, y, r = thing.x * side, thing.y * side, thing.radius * side * 0.92
            pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        else:
            pen.polygon([(x * side, y * side) for x, y in outline(thing)], fill=colour)
    small = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS), dtype=np.float32)
    grain = np.random.default_rng(random.getrandbits(32)).normal(0, _GRAIN, (SIZE, SIZE, 1))
    return Image.fromarray(np.clip(small + grain, 0, 255).astype(np.uint8))


def outline(thing: Thing) -> list[Point]:
    """The corners of any shape but a circle, in shares of the picture's side."""
    shapes: dict[str, list[Point]] = {
        "square": [(1.15, 45.0 + 90 * corner) for corner in range(4)],
        "triangle": [(1.15, 30.0 + 120 * corner) for corner in range(3)],
        "star": [(1.2 if corner % 2 else 0.5, 18.0 + 36 * corner) for corner in range(10)],
        "cross": [
            (distance, 90.0 * arm + angle)
            for arm in range(4)
            for distance, angle in ((0.45, -45.0), (1.1, -17.0), (1.1, 17.0))
        ],
    }
    return [
        (
            thing.x + thing.radius * distance * math.cos(math.radians(angle + thing.turn)),
            thing.y + thing.radius * distance * math.sin(math.radians(angle + thing.turn)),
        )
        for distance, angle in shapes[thing.shape]
    ]


def _colour(thing: Thing, random: random.Random) -> tuple[int, ...]:
    if thing.colour == "black":
        return (random.randint(10, 45),) * 3
    least = 0.88 if thing.colour in ("orange", "yellow") else 0.7  # darker, these are brown
    brightness = random.uniform(least, least + 0.12)
    parts = colorsys.hsv_to_rgb(thing.hue / 360, random.uniform(0.8, 1.0), brightness)
    return tuple(round(255 * part) for part in parts)


def _shaken(random: random.Random, value: int, by: int) -> int:
    return max(0, min(255, value + random.randint(-by, by)))
