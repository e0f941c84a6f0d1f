"""The package of a model that answers questions about pictures: saved, loaded, asked."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kinds.pictures.picture_parts import content, picture, tiny_package
from PIL import Image

from tasks.config import VqaConfig
from tasks.errors import RequestError
from tasks.kinds.pictures.answer_confidence import calibrated, fit_confidence
from tasks.kinds.pictures.package import BATCH, PictureInfo, PicturePackage
from tasks.kinds.pictures.records import PictureQuestion

# What the project installs, and the package's requirements do not name.
UNDECLARED = ("scipy", "sklearn", "datasets", "peft", "trl", "matplotlib", "prefect", "ijson")
COLOURS = ("red", "blue", "green", "black", "orange")
QUESTIONS = ("what colour is it?", "is it red or is it a very long question?", "how many?")
RECORDS = [
    {"question": question, "image": picture(colour)}
    for question in QUESTIONS
    for colour in COLOURS * 2
]


@pytest.fixture(scope="module")
def package() -> PicturePackage:
    return tiny_package()


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Equal texts, and confidences but for arithmetic."""
    return found == [
        {
            name: pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
            for name, value in answer.items()
        }
        for answer in wanted
    ]


@pytest.mark.parametrize("fusion", ["sequence", "mean", "product"])
@pytest.mark.parametrize("beams", [1, 3])
def test_a_saved_and_reloaded_model_answers_the_same(
    fusion: str, beams: int, tmp_path: Path
) -> None:
    package = tiny_package(temperature=1.7, fusion=fusion)
    again = PicturePackage.load(package.save(tmp_path / "package"))
    assert again.info == package.info
    answers = package.predict(RECORDS, {"beams": beams})
    assert again.predict(RECORDS, {"beams": beams}) == answers
    assert set(answers[0]) == {
        "answer", "confidence", "confidence_geometric", "stopped", "tokens",
    }  # fmt: skip
    assert len({answer["answer"] for answer in answers}) > 2  # the test would see a difference


def test_greedy_and_beams_are_two_searches(package: PicturePackage) -> None:
    assert package.predict(RECORDS, {"beams": 0}) == package.predict(RECORDS)
    greedy, beams = package.predict(RECORDS), package.predict(RECORDS, {"beams": 4})
    assert [each["answer"] for each in greedy] != [each["answer"] for each in beams]
    with pytest.raises(RequestError, match="-1 beams are no search"):
        package.predict(RECORDS, {"beams": -1})


@pytest.mark.parametrize("beams", [1, 3])
def test_an_answer_is_the_same_alone_and_in_a_batch(package: PicturePackage, beams: int) -> None:
    assert len(RECORDS) > BATCH
    alone = [package.predict([record], {"beams": beams})[0] for record in RECORDS]
    assert same(package.predict(RECORDS, {"beams": beams}), alone)


def test_a_picture_may_come_in_any_form(package: PicturePackage, tmp_path: Path) -> None:
    image = picture("red")
    data = content(image)
    file = tmp_path / "photo.png"
    file.write_bytes(data)
    text = base64.b64encode(data).decode()
    forms = [image, data, file, text, f"data:image/png;base64,{text}"]
    asked = [{"question": "what is it?", "image": form} for form in forms]
    (answer,) = package.predict(asked[:1])
    assert same(package.predict(asked), [answer] * len(forms))
    assert same(package.predict([PictureQuestion(question="what is it?", image=text)]), [answer])
    assert image.size == (60, 40)  # the caller's picture stays as it was


def test_a_picture_of_several_questions_is_encoded_once(
    package: PicturePackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, sizes = picture("red"), []
    features = package.model.image_features

    def counted(pixels: Any) -> Any:
        sizes.append(len(pixels))
        return features(pixels)

    monkeypatch.setattr(package.model, "image_features", counted)
    package.predict([{"question": question, "image": image} for question in QUESTIONS])
    assert sizes == [1]


@pytest.mark.parametrize(("sees", "groups"), [("question", 3), ("image", 5)])
def test_a_model_that_saw_one_of_the_two_answers_from_that_one(sees: str, groups: int) -> None:
    found = tiny_package(sees=sees).predict(RECORDS)
    assert len({round(answer["confidence_geometric"], 6) for answer in found}) == groups


def test_a_fresh_process_needs_no_network_store_or_configuration(
    package: PicturePackage, tmp_path: Path
) -> None:
    folder = package.save(tmp_path / "package")
    photo = base64.b64encode(content(picture("blue"), "JPEG")).decode()
    asked = [{"question": question, "image": photo} for question in QUESTIONS]
    script = (
        "import json, socket, sys\n"
        f"sys.modules.update(dict.fromkeys({UNDECLARED}))\n"
        "def refuse(*given): raise OSError('no network here')\n"
        "socket.socket.connect = refuse\n"
        "from tasks.kinds.pictures.package import PicturePackage\n"
        "print(json.dumps(PicturePackage.load(sys.argv[1]).predict(json.loads(sys.argv[2]))))\n"
    )
    nowhere = str(tmp_path / "nowhere")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), json.dumps(asked)],
        env={
            "PYTHONPATH": str(Path(__file__).parents[3]),
            **dict.fromkeys(("THAW_CONF", "THAW_STORE", "THAW_RUNS", "HF_HOME"), nowhere),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert same(json.loads(done.stdout), package.predict(asked))
    assert not Path(nowhere).exists()


def test_the_folder_holds_safetensors_and_says_nothing_of_where_it_came_from(
    tmp_path: Path,
) -> None:
    package = tiny_package()
    vqa = VqaConfig(text_encoder="org/bert", image_encoder=str(tmp_path / "dinov2-small"))
    info = PictureInfo(case="vqa", arm_key="k", strategy="all", vqa=vqa)
    folder = PicturePackage(info, package.model, package.processor).save(tmp_path / "package")
    assert (folder / "model" / "model.safetensors").is_file()
    assert not [*folder.rglob("*.bin"), *folder.rglob("*.pt")]
    for file in folder.rglob("*.json"):
        assert str(tmp_path) not in file.read_text(), file.name
    assert (info.vqa.text_encoder, info.vqa.image_encoder) == ("org/bert", "dinov2-small")


def damaged() -> bytes:
    data = content(picture("red"), "JPEG")
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": "what?"}, "Record 2 needs the fields `question` and `image`"),
        ({"question": " ", "image": b""}, "Record 2 asks nothing"),
        ({"question": 3, "image": b""}, "Record 2 asks nothing"),
        ({"question": "what?", "image": None}, "Record 2 has no picture.*is None"),
        ({"question": "what?", "image": ""}, "Record 2 has no picture"),
        ({"question": "what?", "image": Path("no/such.jpg")}, "no/such.jpg cannot be.*missing"),
        ({"question": "what?", "image": "no/such.jpg"}, "Record 2.*send the picture itself"),
        ({"question": "what?", "image": "aGFsbG8="}, "picture of record 2 cannot be.*no picture"),
        ({"question": "what?", "image": "data:image/png;base64,a"}, "Record 2.*no base64"),
        ({"question": "what?", "image": "data:image/png,a"}, "Record 2.*without base64"),
        ({"question": "what?", "image": damaged()}, "picture of record 2 cannot be.*damaged"),
        ({"question": "what?", "image": Image.new("RGB", (1, 1))}, "record 2.*too small"),
        ({"question": "何色ですか", "image": picture("red")}, "knows nothing of the question"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(
    package: PicturePackage, record: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        package.predict([RECORDS[0], record])


def test_a_confidence_is_the_calibrated_product(package: PicturePackage) -> None:
    warm = PicturePackage(
        package.info.model_copy(update={"temperature": 2.5}), package.model, package.processor
    )
    for plain, cooled in zip(package.predict(RECORDS[:4]), warm.predict(RECORDS[:4]), strict=True):
        assert cooled["confidence"] == pytest.approx(calibrated(plain["confidence"], 2.5))
        assert cooled["confidence"] > plain["confidence"]  # these are all below one half
        assert cooled["confidence_geometric"] == plain["confidence_geometric"]
        assert plain["confidence"] <= plain["confidence_geometric"]
    assert package.predict([]) == []


def test_the_temperature_undoes_too_much_certainty() -> None:
    products = [0.99] * 10 + [0.02] * 10
    right = [1.0] * 8 + [0.0] * 2 + [1.0] * 2 + [0.0] * 8
    temperature = fit_confidence(products, right)
    assert calibrated(0.99, temperature) == pytest.approx(0.8, abs=0.03)
    assert calibrated(0.02, temperature) == pytest.approx(0.2, abs=0.04)
    assert calibrated(0.3, 1.0) == pytest.approx(0.3)
    assert 0 < calibrated(0.0, 1.0) < calibrated(0.4, 2.0) < calibrated(1.0, 1.0) < 1
