import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from tiny import draw_all

from tasks.config import CaseConfig
from tasks.evaluation.comparison import compare
from tasks.evaluation.labelling import label_points, spread
from tasks.evaluation.outcomes import CurvePoint, Outcome
from tasks.evaluation.plots import frontier, learning_curves, quality_against_cost
from tasks.kinds.labels.prediction_plots import precision_recall

MakeOutcome = Callable[..., Outcome]
SVG = "{http://www.w3.org/2000/svg}"
LABELS = ["Action", "Comedy", "Drama", "Fantasy", "Horror", "Mecha", "Music", "School"]


def drawn(svg: bytes | None) -> ElementTree.Element:
    assert svg is not None
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


def size(svg: bytes | None) -> tuple[int, int]:
    """Width and height in pixels of a page."""
    picture = drawn(svg)
    return int(picture.attrib["width"]), int(picture.attrib["height"])


def strokes(svg: bytes | None) -> list[str]:
    """The lines' styles."""
    found = (path.get("style", "") for path in drawn(svg).iter(f"{SVG}path"))
    return [style for style in found if "stroke: " in style and "fill: none" in style]


def texts(svg: bytes | None) -> list[str]:
    return ["".join(each.itertext()) for each in drawn(svg).iter(f"{SVG}text")]


def test_a_sweep_gives_three_pictures(sweep: Sequence[Outcome], config: CaseConfig) -> None:
    pictures = draw_all(compare(sweep, config, LABELS), sweep, sweep[0], LABELS)
    assert list(pictures) == [
        "quality_against_cost.svg",
        "learning_curves/loss.svg",
        "learning_curves/average_precision_micro.svg",
        "precision_recall.svg",
    ]
    for picture in pictures.values():
        width, height = size(picture)
        assert 250 < width < 1000
        assert 250 < height < 1000
        assert len(picture) < 120_000
        assert drawn(picture).attrib["aria-label"]
        assert texts(picture)


def test_dark_screens_reach_every_colour_and_no_two_pictures_share_a_name(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    pictures = draw_all(compare(sweep, config, LABELS), sweep, sweep[0], LABELS).values()
    for picture in pictures:
        bare = re.findall(r"(?<!, )#[0-9a-f]{6}", picture.decode())
        assert {*bare} <= {"#ffffff"}
    names = [re.findall(r' id="([^"]+)"', picture.decode()) for picture in pictures]
    together = [name for each in names for name in set(each)]
    assert len(together) == len(set(together))
    told = drawn(next(iter(pictures))).attrib["aria-label"]
    assert "on test over training time: full 0." in told


def test_training_is_dashed_beside_validation_and_told(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", rows=40)
    plain = learning_curves([arm], "val/loss", ["val/f1_micro"])
    assert plain == {}
    points = [
        CurvePoint(
            epoch=epoch,
            step=epoch,
            metrics={
                "val/f1_micro": 0.5 + epoch / 10,
                "train/f1_micro": 0.6 + epoch / 10,
                "train/examples": 400.0 * epoch,
            },
        )
        for epoch in (1, 2, 3)
    ]
    arm = arm.model_copy(update={"curve": tuple(points)})
    (panel,) = learning_curves([arm], "val/loss", ["test/f1_micro_tuned"]).values()
    dashed = [style for style in strokes(panel) if "stroke-dasharray" in style]
    assert len(dashed) == 1
    assert "examples seen" in texts(panel)
    assert "1,000" in texts(panel)
    said = "F1 micro over the epochs: full ends at 0.800 on validation and 0.900 on training."
    assert drawn(panel).attrib["aria-label"] == said


def test_the_line_joins_the_arms_that_no_cheaper_one_is_as_good_as(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    seconds = {"full": 90.0, "freeze_4": 40.0, "last_1": 41.0, "head": 2.0}
    noises = (0.5, 0.8, 0.51, 1.2)
    arms = [
        make_outcome(name, noise, seconds=each)
        for (name, each), noise in zip(seconds.items(), noises, strict=True)
    ]
    found = compare(arms, config, LABELS)
    figures = {arm.name: arm.metrics[found.primary].mean for arm in found.arms}
    wanted = {
        name
        for name in seconds
        if not any(seconds[o] < seconds[name] and figures[o] >= figures[name] for o in seconds)
    }
    joined = [arm.name for arm in frontier(found, found.arms)]
    assert set(joined) == wanted
    assert joined == sorted(joined, key=seconds.__getitem__)


def test_a_picture_without_data_is_left_out(make_outcome: MakeOutcome, config: CaseConfig) -> None:
    arm = make_outcome("full", rows=60, seconds=None).model_copy(update={"curve": ()})
    pictures = draw_all(compare([arm], config, LABELS), [arm], arm, LABELS)
    assert list(pictures) == ["precision_recall.svg"]


def test_labels_of_one_class_and_labels_past_sixteen_are_no_trouble(
    make_outcome: MakeOutcome,
) -> None:
    many = make_outcome("full", rows=30, labels=20)  # some of them have no positive row
    few = make_outcome("full", rows=30, labels=8)
    names = [f"label {number}" for number in range(20)]
    tall, short = (size(precision_recall(one, names[:n])) for one, n in ((many, 20), (few, 8)))
    assert 1.5 < tall[1] / short[1] < 2.1  # six rows of panels and three


def test_seeds_and_arms_that_stopped_early_share_the_curves(make_outcome: MakeOutcome) -> None:
    arms = [make_outcome(name, rows=40, seed=seed) for name in ("full", "head") for seed in (1, 2)]
    short = arms[0].model_copy(update={"curve": arms[0].curve[:2]})
    whole, cut = (learning_curves(each, "val/loss")["loss"] for each in (arms, [short, *arms[1:]]))
    assert whole.count(b"<use") > cut.count(b"<use")  # the mean ends where the first seed stops


def test_each_metric_has_one_panel(make_outcome: MakeOutcome) -> None:
    arms = [make_outcome("full", rows=40), make_outcome("head", rows=40)]
    wanted = ["train/loss", "val/loss", "val/average_precision_micro", "test/hamming_loss"]
    assert list(learning_curves(arms, "val/loss", wanted)) == ["loss", "average_precision_micro"]


def test_a_grid_of_many_arms_is_drawn(make_outcome: MakeOutcome, config: CaseConfig) -> None:
    arms = [
        make_outcome(
            f"{strategy} learning_rate={rate}", 0.5, rows=60, seconds=seconds, point={"rate": rate}
        )
        for strategy, seconds in (("full", 100), ("last_1", 40), ("head", 39))
        for rate in (1e-5, 5e-5, 2e-4)
    ]
    assert len(strokes(quality_against_cost(compare(arms, config, LABELS)))) > len(arms)
    assert size(learning_curves(arms, "val/loss")["loss"])[0] < 700


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=12),
    st.floats(0.01, 0.5),
)
def test_spread_labels_keep_their_order_and_their_distance(values: list[float], gap: float) -> None:
    placed = spread(values, gap)
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap - 1e-9).all()
    assert np.mean(placed) == pytest.approx(np.mean(values), abs=1e-9)


def test_labels_far_enough_apart_stay_where_they_are() -> None:
    assert spread([0.5, 0.1, 0.9], 0.2) == [0.5, 0.1, 0.9]


def test_names_of_crowded_points_do_not_overlap() -> None:
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    spots = np.random.default_rng(0).uniform(0.4, 0.6, (8, 2))
    points = [(f"arm number {i}", (float(x), float(y)), "black") for i, (x, y) in enumerate(spots)]
    label_points(axes, points, [])
    renderer = FigureCanvasAgg(figure).get_renderer()
    names = [child for child in axes.get_children() if isinstance(child, Annotation)]
    boxes = [Text.get_window_extent(name, renderer) for name in names]
    assert len(boxes) == 8
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
