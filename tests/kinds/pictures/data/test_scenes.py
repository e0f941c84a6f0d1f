"""Drawn scenes: the layout of VQA v2, true answers, balance, people who disagree."""

import hashlib
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.errors import RequestError
from tasks.kinds.pictures.data.reading import read_part
from tasks.kinds.pictures.data.selecting import agreement
from tasks.kinds.pictures.layout import find_parts
from tasks.kinds.pictures.scenes.annotators import annotate
from tasks.kinds.pictures.scenes.scene_drawing import SIZE, draw_scene
from tasks.kinds.pictures.scenes.scene_questions import KINDS, Asker, Question
from tasks.kinds.pictures.scenes.scene_wording import WORDINGS, ask, question_type
from tasks.kinds.pictures.scenes.scene_world import COLOURS, SHAPES, Scene, Thing, invent_scene
from tasks.kinds.pictures.scenes.scenes import write_scenes
from tasks.kinds.pictures.scores import normalise_answer

FEW = 60


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - scenes are no secret


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "scenes"
    write_scenes(folder, images=FEW, seed=3)
    return folder


@pytest.fixture(scope="module")
def many() -> list[tuple[Scene, list[Question]]]:
    """The questions of 1,000 scenes, without pictures."""
    asker = Asker(seeded(1))
    scenes = [invent_scene(seeded(n)) for n in range(1000)]
    return [(scene, asker.questions(scene, 6)) for scene in scenes]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_folder_of_scenes_reads_as_vqa(written: Path) -> None:
    (part,) = find_parts(written)
    table, left_out = read_part(part)
    assert left_out.sentences() == []
    assert len(set(table["image_id"].to_pylist())) == FEW == len([*part.images.iterdir()])
    assert len(table) > 5 * FEW
    assert set(table["answer_type"].to_pylist()) == {"yes/no", "number", "other"}
    assert {len(answers) for answers in table["answers"].to_pylist()} == {10}
    assert Image.open(part.image_path(1)).size == (SIZE, SIZE)


def test_the_same_seed_draws_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "again", images=FEW, seed=3)
    assert digests(tmp_path / "again") == digests(written)
    write_scenes(tmp_path / "other", images=5, seed=4)
    first = "scenes/COCO_scenes_000000000001.jpg"
    assert digests(tmp_path / "other")[first] != digests(written)[first]


def test_a_folder_that_is_there_is_left_alone(written: Path) -> None:
    before = digests(written)
    with pytest.raises(RequestError, match="is there already"):
        write_scenes(written, images=2)
    assert digests(written) == before
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_answers_are_true_of_the_scene() -> None:
    red = Thing("circle", "red", 0, 0.2, 0.2, 0.1, 0)
    blue = Thing("star", "blue", 218, 0.8, 0.5, 0.1, 0)
    other = Thing("star", "red", 0, 0.5, 0.8, 0.1, 0)
    scene = Scene((red, blue, other), "pink")
    asked = {
        (question.kind, tuple(value for _, value in question.fields)): question.answer
        for _, options in KINDS.values()
        for question in options(scene)
    }
    expected = {
        ("colour_there", ("red",)): "yes",
        ("colour_there", ("green",)): "no",
        ("shape_there", ("star",)): "yes",
        ("shape_there", ("cross",)): "no",
        ("thing_there", ("red", "star")): "yes",
        ("thing_there", ("blue", "circle")): "no",
        ("left_of", ("red circle", "blue star")): "yes",
        ("left_of", ("blue star", "red star")): "no",
        ("above", ("blue star", "red star")): "yes",
        ("above", ("red star", "red circle")): "no",
        ("more", ("stars", "circles")): "yes",
        ("more", ("crosses", "circles")): "no",
        ("count_all", ()): "3",
        ("count_shape", ("stars",)): "2",
        ("count_shape", ("crosses",)): "0",
        ("count_colour", ("red",)): "2",
        ("colour_of", ("circle",)): "red",
        ("shape_of", ("blue",)): "star",
        ("ground", ()): "pink",
        ("side", ("red circle",)): "left",
        ("side", ("blue star",)): "right",
        ("height", ("red circle",)): "top",
        ("height", ("red star",)): "bottom",
    }
    assert {key: asked.get(key) for key in expected} == expected
    assert ("colour_of", ("star",)) not in asked  # there are two
    assert ("shape_of", ("red",)) not in asked
    assert ("side", ("red star",)) not in asked  # it lies in the middle


def test_a_question_does_not_give_its_answer_away(many: list) -> None:
    answers: dict[tuple, Counter] = defaultdict(Counter)
    for _, questions in many:
        for question in questions:
            answers[(question.kind, question.fields)][question.answer] += 1
    kinds: dict[str, list[float]] = defaultdict(list)
    for (kind, _), counts in answers.items():
        if counts.total() >= 20:
            kinds[kind].append(max(counts.values()) / counts.total())
    limits = dict.fromkeys(KINDS, 0.35) | dict.fromkeys(["side", "height"], 0.75)
    limits |= {kind: 0.62 for kind, (answer_type, _) in KINDS.items() if answer_type == "yes/no"}
    assert {kind: np.mean(shares) for kind, shares in kinds.items() if shares} == {
        kind: pytest.approx(0, abs=limits[kind]) for kind in kinds
    }
    yes = Counter(q.answer for _, qs in many for q in qs if q.answer_type == "yes/no")
    assert yes["yes"] / yes.total() == pytest.approx(0.5, abs=0.02)


def test_every_kind_is_asked_in_many_words(many: list) -> None:
    asked = Counter(question.kind for _, questions in many for question in questions)
    assert asked.keys() == KINDS.keys() == WORDINGS.keys()
    assert min(len(wordings) for wordings in WORDINGS.values()) >= 6
    everything = [wording for wordings in WORDINGS.values() for wording in wordings]
    assert len(set(everything)) == len(everything) > 120
    slips = seeded(0)
    texts = [ask(question, slips) for _, questions in many for question in questions]
    assert len(set(texts)) > 0.35 * len(texts)
    assert 0.05 < sum(text[-1] not in "?." for text in texts) / len(texts) < 0.2
    assert not [text for text in texts if " a orange" in text or "{" in text]


def test_people_disagree_about_as_much_as_people_do(written: Path) -> None:
    table, _ = read_part(find_parts(written)[0])
    shares = agreement(table)
    assert 0.75 < shares.mean() < 0.95
    assert 0.15 < (shares == 1).mean() < 0.6
    said = {one for answers in table["answers"].to_pylist() for one in answers}
    assert {"two", "2", "Yes", "yes"} <= said  # one thing, several words


def test_people_slip_where_the_truth_is_hard() -> None:
    chance = seeded(0)

    def agree(question: Question) -> float:
        rounds = [annotate(question, chance) for _ in range(200)]
        said = [one["answer"] for found in rounds for one in found["answers"]]  # type: ignore[attr-defined]
        return sum(normalise_answer(one) == question.answer for one in said) / len(said)

    clear = Thing("circle", "red", 0, 0.5, 0.5, 0.1, 0)
    unclear = Thing("circle", "red", 12, 0.5, 0.5, 0.1, 0)
    of = (("shape", "circle"),)
    assert agree(Question("colour_of", of, "red", clear)) > 0.88
    assert agree(Question("colour_of", of, "red", unclear)) < 0.75
    assert agree(Question("count_all", (), "2")) > agree(Question("count_all", (), "6")) + 0.04
    assert agree(Question("colour_there", (("colour", "red"),), "yes")) > 0.85


def test_things_never_touch_and_are_where_they_are_said_to_be() -> None:
    for seed in range(100):
        scene = invent_scene(seeded(seed))
        assert 1 <= len(scene.things) <= 6
        for number, one in enumerate(scene.things):
            assert one.shape in SHAPES
            assert one.colour in COLOURS
            assert one.radius <= one.x <= 1 - one.radius
            for other in scene.things[:number]:
                apart = max(abs(one.x - other.x), abs(one.y - other.y))
                assert apart > one.radius + other.radius - 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_drawn_at_its_place_in_its_colour(shape: str) -> None:
    thing = Thing(shape, "blue", 218, 0.25, 0.75, 0.15, 5)
    drawn = draw_scene(Scene((thing,), "white"), seeded(0))
    pixels = np.asarray(drawn).astype(int)
    blue = pixels[..., 2] - pixels[..., 0] > 60
    rows, columns = np.nonzero(blue)
    assert rows.mean() / SIZE == pytest.approx(0.75, abs=0.03)
    assert columns.mean() / SIZE == pytest.approx(0.25, abs=0.03)
    assert 0.015 < blue.mean() < 0.08


def test_question_types_are_the_first_words() -> None:
    assert question_type("What colour is the star?") == "what color"
    assert question_type("how many are there") == "how many"
