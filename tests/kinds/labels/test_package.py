"""A packaged classifier: saved, loaded and asked, with nothing but its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packages import label_package
from tiny import DECODERS, FAMILIES, LABELS, sample_records

from tasks.config import DataConfig
from tasks.config.loading import load_case
from tasks.ingestion.prepare import render_bare
from tasks.kinds.labels.package import Package

MakePackage = Callable[..., Package]
TEXTS = [row["synopsis"] for row in sample_records()[:40]]


@pytest.fixture
def make_package(tiny: Callable[[str], Path]) -> MakePackage:
    """An untrained classifier of a family in a package; keywords change the information."""

    def make(family: str = "bert", task: str = "multi_label", **changes: Any) -> Package:
        return label_package(tiny(family), task, **changes)

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_a_package_comes_back_with_the_same_answers(
    family: str, make_package: MakePackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_package(family)
    texts = [*TEXTS[:6], "", "é"] if family in DECODERS else TEXTS[:6]
    answers = package.predict(texts)
    folder = package.save(tmp_path / "package")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("THAW_CONF", str(tmp_path / "no configuration"))
    back = Package.load(folder)
    assert back.info == package.info
    assert back.predict(texts) == answers


def test_the_folder_says_nothing_of_where_it_came_from(
    make_package: MakePackage, tmp_path: Path, tiny_bert: Path
) -> None:
    folder = make_package().save(tmp_path / "package")
    for file in folder.rglob("*.json"):
        assert str(tiny_bert) not in file.read_text(), file.name
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "head.json", "classifier.safetensors", "package.json", "tokenizer",
    }  # fmt: skip


def test_the_answer_for_a_text_does_not_depend_on_the_others(make_package: MakePackage) -> None:
    package = make_package()
    together = package.probabilities(TEXTS)  # more than one batch
    alone = np.concatenate([package.probabilities([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert together.std(0).min() > 1e-4


def test_labels_that_pass_their_threshold_come_by_falling_probability(
    make_package: MakePackage,
) -> None:
    package = make_package()
    seen = set()
    for answer in package.predict(TEXTS):
        probabilities = answer["probabilities"]
        passing = {
            label
            for label, bar in zip(LABELS, package.info.thresholds, strict=True)
            if probabilities[label] >= bar
        }
        assert set(answer["labels"]) == passing
        assert answer["scores"] == [probabilities[label] for label in answer["labels"]]
        assert answer["scores"] == sorted(answer["scores"], reverse=True)
        assert tuple(probabilities) == LABELS
        seen.add(len(passing))
    assert len(seen) > 1  # the texts do not all get the same number of labels


def test_a_label_at_its_threshold_passes_and_none_may(make_package: MakePackage) -> None:
    row = make_package().probabilities(TEXTS[:1])[0]
    at = make_package(thresholds=tuple(row)).predict(TEXTS[:1])[0]
    assert len(at["labels"]) == len(LABELS)
    above = make_package(thresholds=(1.1,) * len(LABELS)).predict(TEXTS[:1])[0]
    assert above["labels"] == above["scores"] == []
    assert above["probabilities"] == at["probabilities"]


def test_of_classes_exactly_the_most_probable_is_given(make_package: MakePackage) -> None:
    for answer in make_package(task="single_label", thresholds=()).predict(TEXTS):
        (label,) = answer["labels"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert answer["scores"] == [max(answer["probabilities"].values())]
        assert answer["probabilities"][label] == answer["scores"][0]


def test_no_text_gives_no_answer(make_package: MakePackage) -> None:
    package = make_package()
    assert package.predict([]) == []
    assert package.probabilities([]).shape == (0, len(LABELS))


def test_a_bare_text_goes_through_cleaning_and_the_template() -> None:
    data = load_case("genre").data
    assert render_bare("  A  ghost\n walks. ", data) == "Synopsis: A ghost walks."
    printable = data.model_copy(update={"printable_only": True})
    assert render_bare("Café ghost", printable) == "Synopsis: Caf ghost"


def test_a_text_is_asked_as_it_is_where_no_line_takes_it_alone() -> None:
    data = DataConfig(required=("a", "b"), text_role="a", text=("{a} and {b}",))
    assert render_bare("one  two", data) == "one two"


def test_rendered_texts_are_not_put_into_the_template_again(make_package: MakePackage) -> None:
    package = make_package()
    bare = package.predict(["A ghost walks."])
    assert package.predict(["Synopsis: A ghost walks."], rendered=True) == bare
    assert package.predict(["Synopsis: A ghost walks."]) != bare
