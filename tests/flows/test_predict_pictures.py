"""`thaw predict vqa`: questions about pictures, from the registered model."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from genre_runs import Answer, Store, home, thaw
from kinds.pictures.picture_parts import content, picture, tiny_package
from PIL import Image

from tasks.kinds.kind import kind_of

COLOUR, COUNT = "what colour is it?", "how many are there?"


@dataclass(frozen=True)
class Registered:
    """A store with a champion, and what the package answered before it was registered."""

    folder: Path
    images: dict[str, Path]
    answers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def registered(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """Once for all, because logging and checking a model costs seconds."""
    import pandas as pd

    from tasks.evaluation.outcomes import Outcome
    from tasks.registry.promotion import log_model
    from tasks.registry.verify import verify_in_fresh_process
    from tasks.storage import put_table
    from tasks.tracking import Tracker

    folder = tmp_path_factory.mktemp("registered")
    images = {}
    for colour in ("red", "blue"):
        images[colour] = folder / f"{colour}.jpg"
        images[colour].write_bytes(content(picture(colour), "JPEG"))
    package = tiny_package(temperature=1.5)
    with home(folder, migrated_store):
        rows = [(question, str(path)) for question in (COLOUR, COUNT) for path in images.values()]
        test = put_table(pd.DataFrame(rows, columns=["question", "path"]), "test")
        tracker, kind = Tracker(), kind_of("vqa").packaging
        run = tracker.start_run(tracker.experiment("vqa"), "encoders", {}, {})
        best = Outcome(
            name="encoders", kind="arm", run_id=run, metrics={}, validation=test, test=test
        )
        examples = kind.examples(test)
        uri, model_id = log_model(tracker, best, package.save(folder / "package"), examples, kind)
        answers = package.predict(examples)
        verify_in_fresh_process(tracker, uri, examples, answers)
        version = tracker.create_version("vqa", uri, run, model_id, {})
        tracker.set_alias("vqa", "champion", version)
    asked = [
        {"question": question, "image": path}
        for path in images.values()
        for question in (COLOUR, COUNT)
    ]
    return Registered(folder, images, package.predict(asked))


@pytest.fixture
def champion(own_home: Path, registered: Registered, migrated_store: Path) -> Iterator[Registered]:
    """The registered model's store in the environment."""
    with home(registered.folder, migrated_store):
        yield registered


def lines(answer: Answer) -> list[dict[str, Any]]:
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


def near(value: dict[str, Any]) -> Any:
    return {k: pytest.approx(v, abs=1e-5) if isinstance(v, float) else v for k, v in value.items()}


def refused(answer: Answer) -> str:
    assert answer.code == 2, (answer.out, answer.err)
    return answer.sentence


def test_several_questions_are_asked_about_one_picture(champion: Registered) -> None:
    red = str(champion.images["red"])
    found = lines(thaw("predict", "vqa", "--image", red, COLOUR, COUNT, "--json"))
    for record, question, wanted in zip(found, (COLOUR, COUNT), champion.answers, strict=False):
        assert record == near({"question": question, "image": red, **wanted})
    shown = thaw("predict", "vqa", "--image", red, COLOUR, COUNT).out.splitlines()
    assert len(shown) == len(found)
    for line, record in zip(shown, found, strict=True):
        assert line == f"{record['answer'] or '(no answer)'} {record['confidence']:.0%}"


def test_pictures_pair_up_with_questions(champion: Registered) -> None:
    red, blue = map(str, champion.images.values())
    pair = ["--image", red, "--image", blue]
    found = lines(thaw("predict", "vqa", *pair, COLOUR, COUNT, "--json"))
    assert [(each["question"], each["image"]) for each in found] == [(COLOUR, red), (COUNT, blue)]
    assert found[1] == near({**found[1], **champion.answers[3]})
    found = lines(thaw("predict", "vqa", *pair, COLOUR, "--json"))
    assert [each["image"] for each in found] == [red, blue]
    sentence = refused(thaw("predict", "vqa", *pair, COLOUR, COUNT, COLOUR))
    assert "3 questions and 2 pictures do not pair up" in sentence


def test_a_file_names_its_pictures_from_where_it_lies(champion: Registered, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "it.jpg").write_bytes(champion.images["blue"].read_bytes())
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps({"image": "below/it.jpg", "question": COUNT, "id": 7}) + "\n")
    (found,) = lines(thaw("predict", "vqa", "--file", str(file), "--json"))
    assert found["image"] == str(tmp_path / "below" / "it.jpg")
    assert found == near({**found, **champion.answers[3]})
    file.write_text('{"image": "below/it.jpg", "question": "what?"}\n{"question": "what?"}\n')
    sentence = refused(thaw("predict", "vqa", "--file", str(file)))
    assert (
        f"{file} line 2 is no JSON record with the text fields `question` and `image`" in sentence
    )


def test_beams_are_passed_on(champion: Registered) -> None:
    asked = ["--image", str(champion.images["red"]), COLOUR, "--json"]
    plain = lines(thaw("predict", "vqa", *asked))
    assert lines(thaw("predict", "vqa", *asked, "--beams", "1")) == plain
    assert lines(thaw("predict", "vqa", *asked, "--beams", "4")) != plain


def test_the_signature_says_what_a_record_is(champion: Registered) -> None:
    client = Store().client
    version = client.get_model_version_by_alias("vqa", "champion")
    kept = client.get_logged_model(version.source.removeprefix("models:/"))
    root = Path(kept.artifact_location.removeprefix("file://"))
    described = (root / "MLmodel").read_text()
    for part in ('"question"', '"image"', "beams"):
        assert part in described.replace("\\", "")
    assert "pillow==" in (root / "requirements.txt").read_text()
    assert str(champion.folder) not in (root / "input_example.json").read_text()


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Path]:
    """Files that are no pictures to ask about, and one that is very large."""
    whole = content(picture("red").resize((600, 400)), "JPEG")
    files = {"cut.jpg": whole[: len(whole) // 2], "text.jpg": b"hello"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    return {name: tmp_path / name for name in (*files, "dot.png", "none.jpg")}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut.jpg", "cannot be asked about: damaged"),
        ("text.jpg", "cannot be asked about: no picture (no known format)"),
        ("dot.png", "cannot be asked about: too small (1 x 1 pixels)"),
        ("none.jpg", "cannot be asked about: missing (no such file)"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_before_any_model_is_loaded(
    name: str, says: str, bad: dict[str, Path]
) -> None:
    sentence = refused(thaw("predict", "vqa", "--image", str(bad[name]), COLOUR))
    assert f"{bad[name]} {says}" in sentence


def test_a_very_large_picture_is_answered(champion: Registered, tmp_path: Path) -> None:
    Image.new("RGB", (10_000, 10_000), "red").save(tmp_path / "large.jpg")
    (found,) = lines(
        thaw("predict", "vqa", "--image", str(tmp_path / "large.jpg"), COLOUR, "--json")
    )
    assert 0 <= found["confidence"] <= 1


def test_a_question_in_no_known_alphabet_is_refused(champion: Registered) -> None:
    red = str(champion.images["red"])
    assert "knows nothing of the question" in refused(
        thaw("predict", "vqa", "--image", red, "何色ですか")
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("vqa", COLOUR), "about no picture: name it with --image FILE"),
        (("vqa", "--image", "x.jpg"), "Nothing is asked about x.jpg"),
        (("vqa",), "There is nothing to ask"),
    ],
)
def test_an_incomplete_request_says_what_is_missing(arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(thaw("predict", *arguments))


def test_a_case_that_reads_texts_takes_no_picture() -> None:
    sentence = refused(thaw("predict", "genre", "--image", "x.jpg", "text"))
    assert "--image is for questions about pictures, and genre reads texts" in sentence
