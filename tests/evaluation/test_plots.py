import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Annotation, Text
from tiny import draw_all

from tasks.config import CaseConfig
from tasks.evaluation.comparison import compare
from tasks.evaluation.labelling import label_points, spread
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import frontier, learning_curves, quality_against_cost
from tasks.kinds.labels.prediction_plots import precision_recall

MakeOutcome = Callable[..., Outcome]
LABELS = ["Action", "Comedy", "Drama", "Fantasy", "Horror", "Mecha", "Music", "School"]


def pixels(png: bytes | None) -> np.ndarray:
    assert png is not None
    return imread(io.BytesIO(png))


def ink(png: bytes | None) -> float:
    """Share of a picture's pixels that are not white."""
    return float((pixels(png)[..., :3] < 0.95).any(-1).mean())


def test_a_sweep_gives_three_pictures(sweep: Sequence[Outcome], config: CaseConfig) -> None:
    pictures = draw_all(compare(sweep, config, LABELS), sweep, sweep[0], LABELS)
    assert list(pictures) == [
        "quality_against_cost.png",
        "learning_curves.png",
        "precision_recall.png",
    ]
    for picture in pictures.values():
        height, width, _ = pixels(picture).shape
        assert 500 < width < 2500
        assert 300 < height < 2500
        assert 0.01 < ink(picture) < 0.5


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
    assert list(pictures) == ["precision_recall.png"]


def test_labels_of_one_class_and_labels_past_sixteen_are_no_trouble(
    make_outcome: MakeOutcome,
) -> None:
    many = make_outcome("full", rows=30, labels=20)  # some of them have no positive row
    few = make_outcome("full", rows=30, labels=8)
    names = [f"label {number}" for number in range(20)]
    tall, short = (pixels(precision_recall(one, names[:n])) for one, n in ((many, 20), (few, 8)))
    assert 1.5 < tall.shape[0] / short.shape[0] < 2  # four rows of panels and two


def test_seeds_and_arms_that_stopped_early_share_the_curves(make_outcome: MakeOutcome) -> None:
    arms = [make_outcome(name, rows=40, seed=seed) for name in ("full", "head") for seed in (1, 2)]
    short = arms[0].model_copy(update={"curve": arms[0].curve[:2]})
    whole = learning_curves(arms, "val/average_precision_micro")
    cut = learning_curves([short, *arms[1:]], "val/average_precision_micro")
    assert ink(whole) > ink(cut) > 0.01  # the mean ends where the first seed stops


def test_selecting_by_the_loss_leaves_two_panels(make_outcome: MakeOutcome) -> None:
    arms = [make_outcome("full", rows=40), make_outcome("head", rows=40)]
    three = learning_curves(arms, "val/average_precision_micro")
    assert pixels(learning_curves(arms, "val/loss")).shape[1] < 0.8 * pixels(three).shape[1]


def test_a_grid_of_many_arms_is_drawn(make_outcome: MakeOutcome, config: CaseConfig) -> None:
    arms = [
        make_outcome(
            f"{strategy} learning_rate={rate}", 0.5, rows=60, seconds=seconds, point={"rate": rate}
        )
        for strategy, seconds in (("full", 100), ("last_1", 40), ("head", 39))
        for rate in (1e-5, 5e-5, 2e-4)
    ]
    assert ink(quality_against_cost(compare(arms, config, LABELS))) > 0.01
    assert pixels(learning_curves(arms, "val/loss")).shape[1] < 2500


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
