"""Direct labels for plots: names beside their points and lines, none over another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

Point = tuple[float, float]
SIZE = 9.0  # points
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = range(9, 70, 6)  # points
_LEADER: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "shrinkA": 0, "shrinkB": 0}


def label_right(axes: Axes, ends: Sequence[tuple[str, float, str]]) -> None:
    """Name lines beyond the right edge, moved apart where they end close to each other.

    Args:
        axes: with everything else drawn already, since the limits must not move any more.
        ends: name, height (in data) and colour of each line.
    """
    low, high = axes.get_ylim()
    points = axes.get_window_extent().height / _figure(axes).dpi * 72
    heights = spread([height for _, height, _ in ends], 1.25 * SIZE * (high - low) / points)
    for (name, height, colour), place in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (1, height),
            (1.03, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=SIZE,
            color=colour,
            annotation_clip=False,
            arrowprops={**_LEADER, "color": colour, "relpos": (0, 0.5)},
        )


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions near `values`, in the same order, no two closer than `gap`.

    Neighbours that are too close form a block about their mean; blocks that then touch are
    merged, which is the least-squares answer (pool adjacent violators).
    """
    order = np.argsort(values, kind="stable")
    blocks: list[tuple[float, int]] = []  # lowest position and size
    for value in np.asarray(values, dtype=float)[order]:
        start, size = float(value), 1
        while blocks and start < blocks[-1][0] + blocks[-1][1] * gap:
            below, lower = blocks.pop()
            # Each member pulls the block to where it would start were that member in place.
            start = (below * lower + (start - lower * gap) * size) / (lower + size)
            size += lower
        blocks.append((start, size))
    placed = [start + step * gap for start, size in blocks for step in range(size)]
    result = np.empty(len(placed))
    result[order] = placed
    return [float(value) for value in result]


def label_points(
    axes: Axes,
    points: Sequence[tuple[str, Point, str]],
    bars: Sequence[tuple[Point, Point]],
) -> None:
    """Name each point at the nearest place around it where nothing else is.

    A point without any room near it stays without a name.

    Args:
        axes: with everything else drawn already.
        points: name, position (in data) and colour; the first ones get the best places.
        bars: end points of the error bars, which no name may cover.
    """
    figure = _figure(axes)
    figure.draw_without_rendering()  # settles the layout, so that distances are final
    renderer = FigureCanvasAgg(figure).get_renderer()
    taken = [_around(axes, start, end) for start, end in bars]
    taken += [_around(axes, point, point, 6) for _, point, _ in points]
    for name, point, colour in points:
        for distance in _DISTANCES:
            places = (
                _place(axes, name, point, colour, distance, direction) for direction in _DIRECTIONS
            )
            if any(_stays(axes, label, taken, renderer) for label in places):
                break


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that were made by a figure
    return figure


def _around(axes: Axes, start: Point, end: Point, margin: float = 3) -> Bbox:
    """The box on the canvas about two points in data, with a margin in pixels."""
    corners = axes.transData.transform([start, end])
    return Bbox([corners.min(0) - margin, corners.max(0) + margin])


def _place(
    axes: Axes, name: str, point: Point, colour: str, distance: float, direction: tuple[int, int]
) -> Annotation:
    right, up = direction
    far = distance > _DISTANCES[1]
    return axes.annotate(
        name,
        point,
        (right * distance, up * distance),
        textcoords="offset points",
        ha={1: "left", 0: "center", -1: "right"}[right],
        va={1: "bottom", 0: "center", -1: "top"}[up],
        fontsize=SIZE + 1,
        color=colour,
        arrowprops={**_LEADER, "color": colour} if far else None,
    )


def _stays(axes: Axes, label: Annotation, taken: list[Bbox], renderer: RendererBase) -> bool:
    """Keep the label and note its place if it is free and inside the frame, else remove it."""
    label.update_positions(renderer)
    box = Text.get_window_extent(label, renderer)  # an annotation's own would add its leader line
    frame = axes.get_window_extent()
    inside = frame.containsx(box.x0) and frame.containsx(box.x1)
    inside = inside and frame.containsy(box.y0) and frame.containsy(box.y1)
    if inside and not any(box.overlaps(other) for other in taken):
        taken.append(box)
        return True
    label.remove()
    return False
