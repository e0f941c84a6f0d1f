"""The package of a model that writes: saved, loaded, asked."""

from pathlib import Path

import pytest

from tasks.config import DataConfig, LanguageConfig
from tasks.errors import RequestError
from tasks.kinds.writing.package import Writer, WriterInfo
from tasks.models.base_models import locate
from tasks.models.generators import load_generator
from tasks.registry.verify import TOLERANCE, largest_difference

ASKED = ["x plus one", "  x\tplus   one ", "y"]


@pytest.fixture
def writer(tiny_writer: Path) -> Writer:
    data = DataConfig(required=("english",), text_role="english", text=("{english}",))
    language = LanguageConfig(max_new_tokens=6, batch_size=2)
    info = WriterInfo(case="latex", data=data, language=language, arm_key="k", strategy="full")
    return Writer(info, *load_generator(locate(str(tiny_writer))))


def test_a_package_answers_the_same_after_a_round_trip(writer: Writer, tmp_path: Path) -> None:
    answers = writer.predict(ASKED)
    again = Writer.load(writer.save(tmp_path / "package"))
    assert again.predict(ASKED) == answers
    assert again.info == writer.info
    assert answers[0] == answers[1]  # a bare text is cleaned as in training
    assert set(answers[0]) == {"answer", "stopped", "tokens"}
    assert {path.name for path in (tmp_path / "package").iterdir()} == {
        "model",
        "tokenizer",
        "package.json",
    }


def test_beams_are_a_parameter(writer: Writer) -> None:
    assert writer.predict(ASKED, {"beams": 1}) == writer.predict(ASKED, {"beams": 0})
    assert len(writer.predict(ASKED, {"beams": 3, "rendered": True})) == 3
    with pytest.raises(RequestError, match="-1 beams are no search"):
        writer.predict(ASKED, {"beams": -1})


def test_another_text_fails_the_check(writer: Writer) -> None:
    answers = writer.predict(ASKED)
    assert largest_difference(answers, answers) == 0
    other = [*answers[:-1], answers[-1] | {"answer": "z"}]
    assert largest_difference(other, answers) > TOLERANCE
