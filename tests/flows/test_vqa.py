"""Visual question answering through the command line: run, compare, predict, refuse."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from genre_runs import Answer, Store, Swept, home, options, thaw
from kinds.pictures.answering_parts import OVERRIDES
from kinds.pictures.data.vqa_files import annotation, question, simple_part, write_part
from PIL import Image

from tasks.kinds.pictures.scores import IMAGE_ONLY, MOST_FREQUENT, QUESTION_ONLY


def run_vqa(*overrides: str, force: bool = False) -> Answer:
    return thaw("run", "vqa", *options(*overrides), *(["--force"] if force else []))


COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200)}


def coloured(folder: Path, images: int = 60) -> Path:
    """Pictures of one colour each, and two questions that only looking answers."""
    asked, said = [], []
    for image in range(images):
        colour = [*COLOURS][image % 3]
        for text, answer, kind in (
            ("What is its color?", colour, "other"),
            ("Is it red?", "yes" if colour == "red" else "no", "yes/no"),
        ):
            asked.append(question(len(asked), image, text))
            said.append(
                annotation(
                    len(said), image, (answer,) * 3, answer_type=kind, question_type=text.lower()
                )
            )
    part = write_part(folder, asked, said)
    for image in range(images):
        shade = tuple(value + image // 3 for value in [*COLOURS.values()][image % 3])
        Image.new("RGB", (20, 16), shade).save(part.image_path(image), "PNG")
    return folder


@pytest.fixture(scope="session")
def tiny_vqa(tiny_bert: Path) -> tuple[str, ...]:
    """40 drawn scenes, and parts that train in seconds."""
    return (*OVERRIDES, f"vqa.text_encoder={tiny_bert}", "registry.enabled=false")


@pytest.fixture(scope="session")
def session_vqa(
    tiny_vqa: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """One run with a champion for all tests that only look at it."""
    data = coloured(tmp_path_factory.mktemp("coloured"))
    learning = (
        "training.epochs=12",
        "training.batch_size=12",
        "training.learning_rate=4.0e-3",
        "registry.enabled=true",
        "registry.beats=floor",
    )
    overrides = (*tiny_vqa, f"data.path={data}", *learning)
    with home(tmp_path_factory.mktemp("vqa"), migrated_store) as folder:
        return Swept(folder, overrides, run_vqa(*overrides))


@pytest.fixture
def answered(own_home: Path, session_vqa: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The finished sweep, with its store in the environment instead of an empty one."""
    assert session_vqa.answer.code == 0, session_vqa.answer.err
    with home(session_vqa.folder, migrated_store):
        yield session_vqa


def test_a_run_ends_with_a_table_and_says_whether_pictures_are_used(answered: Swept) -> None:
    words = " ".join(answered.answer.out.split())
    assert "Train text_encoder" in words
    assert "use the pictures" in words or "uses the pictures" in words
    store = Store()
    sweep = store.sweeps()[0].info.run_id
    arms, baselines = store.children(sweep), store.children(sweep, "baseline")
    assert set(arms) == {"text_encoder seed=42", "encoders seed=42"}
    assert set(baselines) == {QUESTION_ONLY, IMAGE_ONLY, MOST_FREQUENT}
    for run in (*arms.values(), baselines[QUESTION_ONLY]):
        figures = run.data.metrics
        assert {"test/vqa_accuracy", "test/yes_no", "test/stops", "test/ece"} <= figures.keys()
        assert figures["cost/images_per_second"] > 0
        assert "given" in store.text(run.info.run_id, "predictions/test.csv").partition("\n")[0]
    files = store.artifacts(sweep)
    assert {
        "validation/report.html",
        "validation/pictures.txt",
        "split/report.json",
        "comparison/report.html",
        "comparison/pictures.html",
    } <= files
    table = store.table(sweep)
    assert table["text_encoder vqa_accuracy"] > 0.9
    for name in (QUESTION_ONLY, IMAGE_ONLY, MOST_FREQUENT):
        assert table[f"{name} vqa_accuracy"] < table["text_encoder vqa_accuracy"] - 0.2
    report = json.loads(store.text(sweep, "split/report.json"))
    assert report["vocabulary"]["answers"] == 5
    assert "data:image/jpeg" in store.text(sweep, "comparison/pictures.html")


def test_a_finished_sweep_is_not_trained_again(answered: Swept) -> None:
    before = len(Store().runs())
    again = run_vqa(*answered.overrides)
    assert again.code == 0, again.err
    assert "nothing was trained" in again.out
    assert len(Store().runs()) == before


def test_the_champion_answers_about_a_picture(answered: Swept, tmp_path: Path) -> None:
    assert Store().aliases("vqa") == {"champion": 1}
    for colour, shade in COLOURS.items():
        Image.new("RGB", (30, 30), shade).save(tmp_path / f"{colour}.png")
        file = str(tmp_path / f"{colour}.png")
        asked = thaw("predict", "vqa", "--image", file, "What is its color?", "--json")
        assert asked.code == 0, asked.err
        answer = json.loads(asked.out)
        assert answer["answer"] == colour
        assert 0.3 < answer["confidence"] <= 1


def test_a_challenger_is_measured_against_the_champions_own_answers(answered: Swept) -> None:
    weaker = run_vqa(*answered.overrides, "training.epochs=1", "strategies=[encoders]")
    assert weaker.code == 0, weaker.err
    assert "does not beat" in " ".join(weaker.out.split())
    assert Store().aliases("vqa")["champion"] == 1


def test_fusion_is_a_point_of_the_grid_on_the_same_kept_states(
    tiny_vqa: tuple[str, ...], own_home: Path
) -> None:
    grid = ("strategies=[encoders]", "grid.vqa.fusion=[sequence,mean]", "training.epochs=1")
    answer = run_vqa(*tiny_vqa, *grid)
    assert answer.code == 0, answer.err
    assert "fusion=mean" in answer.out
    # Different questions and pictures of the one, and pixels for no one.
    assert len([*(own_home / "store" / "trunk").glob("*/index.json")]) == 2


@pytest.mark.slow
def test_folds_test_every_question_once_beside_blind_models_of_the_same_folds(
    tiny_vqa: tuple[str, ...], own_home: Path, tmp_path: Path
) -> None:
    data = coloured(tmp_path / "data", images=24)
    folds = (f"data.path={data}", "split.folds=2", "strategies=[encoders]", "training.epochs=1")
    answer = run_vqa(*tiny_vqa, *folds, "registry.enabled=true", "registry.beats=floor")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = (run.info.run_id for run in store.sweeps())
    assert {"encoders seed=42 fold=0", "encoders seed=42 fold=1"} == set(store.children(sweep))
    (pooled,) = store.children(sweep, "folds").values()
    blind = store.children(sweep, "baseline")
    assert set(blind) == {QUESTION_ONLY, IMAGE_ONLY, MOST_FREQUENT}
    for run in (pooled, *blind.values()):
        rows = store.text(run.info.run_id, "predictions/test.csv").splitlines()
        assert len(rows) == 1 + 48
        figures = run.data.metrics
        mean, deviation = (figures[f"test/vqa_accuracy_fold_{what}"] for what in ("mean", "std"))
        assert mean == pytest.approx(figures["test/vqa_accuracy"], abs=deviation + 0.05)
    assert "Over the folds" in answer.out
    assert "Nothing is registered" in store.sweeps()[0].data.tags["thaw.verdict"]
    assert not store.aliases("vqa")
    refused = run_vqa(*tiny_vqa, *folds, "vqa.test_part=val2014")
    assert refused.code == 2
    assert "vqa.test_part=val2014 names the test part" in refused.sentence


def test_an_annotation_without_its_question_is_named_or_left_out(
    tiny_vqa: tuple[str, ...], own_home: Path, tmp_path: Path, to_training: str
) -> None:
    folder = tmp_path / "data"
    part = simple_part(folder, dict.fromkeys(range(30), 2))
    rows = json.loads(part.annotations.read_text())
    rows["annotations"].append(annotation(999, 3, ("dog",)))
    rows["annotations"][0]["multiple_choice_answer"] = "dog"
    part.annotations.write_text(json.dumps(rows))
    here = (*tiny_vqa, f"data.path={folder}")
    refused = run_vqa(*here)
    assert refused.code == 2
    assert "annotation without question" in refused.sentence
    assert "999" in refused.sentence
    (failed,) = Store().sweeps()
    assert failed.info.status == "FAILED"
    assert "annotation without question" in failed.data.tags["thaw.error"]
    assert run_vqa(*here, "vqa.on_unmatched=skip").sentence == to_training
    text = Store().text(Store().sweeps()[-1].info.run_id, "validation/pictures.txt")
    assert "1 annotation without question: 999" in text


def test_one_answer_to_everything_blocks(
    tiny_vqa: tuple[str, ...], own_home: Path, tmp_path: Path
) -> None:
    simple_part(tmp_path / "data", dict.fromkeys(range(30), 2))
    answer = run_vqa(*tiny_vqa, f"data.path={tmp_path / 'data'}")
    assert answer.code == 2
    assert "expect_column_unique_value_count_to_be_between on column answer" in answer.sentence
    (sweep,) = Store().sweeps()
    assert sweep.info.status == "FAILED"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"question_id": 1}, "question_id 1 was there before"),
        # letters, if none that the tokenizer knows; and none at all
        ({"question": "何色ですか？"}, None),
    ],
)
def test_single_bad_questions(
    tiny_vqa: tuple[str, ...], own_home: Path, tmp_path: Path, changed: dict, wanted: str | None
) -> None:
    folder = tmp_path / "data"
    part = simple_part(folder, dict.fromkeys(range(24), 2))
    asked = json.loads(part.questions.read_text())["questions"]
    said = json.loads(part.annotations.read_text())["annotations"]
    said[0] = annotation(1, 0, ("dog",))
    asked[3] |= changed
    asked[5] |= {"question": "?!"}
    write_part(folder, asked, said)
    small = ("strategies=[encoders]", "training.epochs=1", "vqa.on_unmatched=skip")
    answer = run_vqa(*tiny_vqa, f"data.path={folder}", *small)
    if wanted is None:
        assert answer.code == 0, answer.err
    else:
        assert answer.code == 2
        assert wanted in answer.sentence
