"""Models taken away: folders that transformers loads and whose program answers as the champion."""

import json
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packages import label_package
from tiny import sample_records
from transformers import AutoModel, AutoModelForCausalLM

from tasks.config import DataConfig, LanguageConfig
from tasks.errors import RequestError
from tasks.ingestion.prepare import render_bare
from tasks.kinds.kind import kind_of
from tasks.kinds.labels.package import Package
from tasks.kinds.numbers.package import NumberInfo, NumberPackage
from tasks.kinds.ranking.package import RewardModel, RewardModelInfo
from tasks.kinds.writing.package import Writer, WriterInfo
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.generators import load_generator
from tasks.registry.onnx_file import write_int8, write_onnx
from tasks.registry.taking_away import require_empty
from tasks.texts import PAIR

TEXTS = [row["synopsis"] for row in sample_records()[:5]]


def packaged(base: Path, folder: Path, head: str, pooling: str, **changes: Any) -> Package:
    made = label_package(base, head=head, pooling=pooling, **({"max_length": 24} | changes))
    made.save(folder)
    return made


def program_of(folder: Path) -> dict[str, Any]:
    """The folder's own program, which imports nothing of Thaw."""
    for program in folder.glob("*.py"):
        text = program.read_text("utf-8")
        assert "tasks" not in text
        assert "flows" not in text
    return runpy.run_path(str(folder / "predict.py"))


@pytest.mark.parametrize(
    ("family", "head", "pooling", "changes"),
    [
        ("tiny_bert", "linear", "mean", {}),
        ("tiny_bert", "dense", "cls", {"task": "single_label", "temperature": 2.5}),
        ("tiny_gpt2", "linear", "last", {"prompt_end": " genre:"}),
        ("tiny_roberta", "linear", "mean", {}),
        ("tiny_roberta", "tanh", "cls", {}),
        ("tiny_bert", "pooler", "cls", {"task": "single_label"}),
    ],
)
def test_a_classifier_answers_as_its_package_does(
    family: str,
    head: str,
    pooling: str,
    changes: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    package = packaged(
        request.getfixturevalue(family), tmp_path / "package", head, pooling, **changes
    )
    task = changes.get("task", "multi_label")
    kind_of(task).take_away(tmp_path / "package", tmp_path / "taken")
    program, wanted = program_of(tmp_path / "taken"), package.predict(TEXTS)
    rows = program["probabilities"](TEXTS)
    expected = [list(answer["probabilities"].values()) for answer in wanted]
    np.testing.assert_allclose(rows.numpy(), expected, atol=1e-5)
    passing = [set(program["labels"](row)) for row in rows]
    assert passing == [set(answer["labels"]) for answer in wanted]
    assert AutoModel.from_pretrained(tmp_path / "taken").config.model_type == family[5:]
    modules = json.loads((tmp_path / "taken" / "modules.json").read_text())
    assert [each["path"] for each in modules] == ["", "1_Pooling"]


@pytest.mark.parametrize(
    ("family", "pooling", "changes"),
    [
        ("tiny_bert", "cls", {"task": "single_label", "temperature": 2.5}),
        ("tiny_gpt2", "last", {"prompt_end": " genre:"}),
    ],
)
def test_an_onnx_file_gives_the_packages_probabilities(
    family: str,
    pooling: str,
    changes: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    package = packaged(
        request.getfixturevalue(family), tmp_path / "package", "linear", pooling, **changes
    )
    kind_of(changes.get("task", "multi_label")).take_away(tmp_path / "package", tmp_path / "taken")
    write_onnx(tmp_path / "package", tmp_path / "taken")
    text = (tmp_path / "taken" / "predict_onnx.py").read_text("utf-8")
    assert "import torch" not in text
    assert "torch" not in (tmp_path / "taken" / "reading.py").read_text("utf-8")
    program = runpy.run_path(str(tmp_path / "taken" / "predict_onnx.py"))
    for texts in (TEXTS, TEXTS[:1], ["one word", *TEXTS[:2]]):  # any number, of any length
        expected = [list(each["probabilities"].values()) for each in package.predict(texts)]
        np.testing.assert_allclose(program["outputs"](texts), expected, atol=1e-4)
    given_labels = [set(each["labels"]) for each in program["answers"](TEXTS)]
    assert given_labels == [set(each["labels"]) for each in package.predict(TEXTS)]
    data = package.info.data
    said = write_int8(tmp_path / "taken", [render_bare(text, data) for text in TEXTS])
    assert said.bytes_after < said.bytes_before
    assert said.texts == len(TEXTS) >= said.same
    text = text.replace('"model.onnx"', '"model.int8.onnx"')
    (tmp_path / "taken" / "predict_int8.py").write_text(text, encoding="utf-8")
    rounded = runpy.run_path(str(tmp_path / "taken" / "predict_int8.py"))["outputs"](TEXTS)
    gap = np.abs(rounded - program["outputs"](TEXTS)).max()
    assert said.furthest == pytest.approx(gap, abs=1e-6)
    assert 0 < gap < 0.2
    assert "of 5 test texts" in str(said)
    assert "not measured" in str(write_int8(tmp_path / "taken", []))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_number_comes_out_in_its_unit_with_and_without_onnx(
    pooling: str, tiny_bert: Path, tmp_path: Path
) -> None:
    base = label_package(tiny_bert)
    head = HeadConfig(labels=1, pooling=pooling, task="regression")
    model = TextClassifier(base.model.backbone, head, seed=3)
    fields = base.info.model_dump(include={"case", "data", "arm_key", "strategy", "max_length"})
    info = NumberInfo(**fields, mean=50.0, deviation=12.5, unit="minutes")
    package = NumberPackage(info, model, base.tokenizer)
    package.save(tmp_path / "package")
    kind_of("regression").take_away(tmp_path / "package", tmp_path / "taken")
    wanted, found = package.predict(TEXTS), program_of(tmp_path / "taken")["answers"](TEXTS)
    numbers = [each["number"] for each in wanted]
    np.testing.assert_allclose([each["number"] for each in found], numbers, rtol=1e-6)
    assert {each["unit"] for each in found} == {"minutes"}
    assert "a number in minutes" in (tmp_path / "taken" / "README.md").read_text("utf-8")
    write_onnx(tmp_path / "package", tmp_path / "taken")
    program = runpy.run_path(str(tmp_path / "taken" / "predict_onnx.py"))
    np.testing.assert_allclose(program["outputs"](TEXTS)[:, 0], numbers, atol=12.5e-4)
    said = write_int8(tmp_path / "taken", TEXTS)
    assert (said.same, said.texts) == (None, len(TEXTS))
    assert "no number is further off than" in str(said)


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_gpt2"])
def test_a_reward_is_that_of_the_package_however_long_question_and_answer_are(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base = label_package(request.getfixturevalue(family), pooling="mean")
    head = HeadConfig(labels=1, pooling="mean", task="preference")
    model = TextClassifier(base.model.backbone, head, seed=3)
    fields = base.info.model_dump(include={"case", "arm_key", "strategy"})
    data = DataConfig(required=("text",), text_role="text", text=("Question: {text}",))
    package = RewardModel(
        RewardModelInfo(**fields, data=data, max_length=16), model, base.tokenizer
    )
    package.save(tmp_path / "package")
    kind_of("preference").take_away(tmp_path / "package", tmp_path / "taken")
    long = " ".join(TEXTS)
    pairs = [("why is it", "so it is"), (long, "so"), ("why", long), (long, long), (" why ", "")]
    found = program_of(tmp_path / "taken")["answers"](pairs)
    wanted = package.predict([{"question": one, "answer": two} for one, two in pairs])
    np.testing.assert_allclose(
        [each["reward"] for each in found], [each["reward"] for each in wanted], atol=1e-5
    )
    # A long answer leaves one token of its question, which may be the template's.
    assert len({round(each["reward"], 6) for each in found}) >= len(pairs) - 1
    write_onnx(tmp_path / "package", tmp_path / "taken")
    program = runpy.run_path(str(tmp_path / "taken" / "predict_onnx.py"))
    np.testing.assert_allclose(
        [each["reward"] for each in program["answers"](pairs)],
        [each["reward"] for each in wanted],
        atol=1e-4,
    )
    assert "not measured" in str(write_int8(tmp_path / "taken", ["why"]))


@pytest.mark.parametrize("family", ["tiny_bert", "tiny_gpt2"])
def test_labels_of_two_texts_are_those_of_the_package(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    columns = ("one", "two")
    data = DataConfig(required=columns, text_role="one", text=("{one}", "{two}"), pair=True)
    package = packaged(
        request.getfixturevalue(family), tmp_path / "package", "linear", "mean", data=data
    )
    kind_of("multi_label").take_away(tmp_path / "package", tmp_path / "taken")
    pairs = [*pairwise(TEXTS), ("a friend", TEXTS[0]), ("a", " the  girl ")]
    found = program_of(tmp_path / "taken")["probabilities"](pairs)
    wanted = package.predict([PAIR.join(pair) for pair in pairs])
    expected = [list(answer["probabilities"].values()) for answer in wanted]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    write_onnx(tmp_path / "package", tmp_path / "taken")
    program = runpy.run_path(str(tmp_path / "taken" / "predict_onnx.py"))
    np.testing.assert_allclose(program["outputs"](pairs), expected, atol=1e-4)
    said = write_int8(
        tmp_path / "taken", [PAIR.join(" ".join(each.split()) for each in pair) for pair in pairs]
    )
    text = (tmp_path / "taken" / "predict_onnx.py").read_text("utf-8")
    text = text.replace('"model.onnx"', '"model.int8.onnx"')
    (tmp_path / "taken" / "predict_int8.py").write_text(text, encoding="utf-8")
    rounded = runpy.run_path(str(tmp_path / "taken" / "predict_int8.py"))["outputs"](pairs)
    gap = np.abs(rounded - program["outputs"](pairs)).max()
    assert said.texts == len(pairs)
    assert said.furthest == pytest.approx(gap, abs=1e-6)


def test_a_model_that_writes_is_no_onnx_file(tiny_writer: Path, tmp_path: Path) -> None:
    (tmp_path / "about.json").write_text("{}")
    with pytest.raises(RequestError, match="this one writes"):
        write_onnx(tiny_writer, tmp_path)


@pytest.mark.parametrize("template", ["plain", "bare"])
def test_a_writer_answers_as_its_package_does(
    template: str, tiny_writer: Path, tmp_path: Path
) -> None:
    data = DataConfig(required=("english",), text_role="english", text=("{english}",))
    language = LanguageConfig(max_new_tokens=6, batch_size=2, template=template)
    info = WriterInfo(case="latex", data=data, language=language, arm_key="k", strategy="full")
    writer = Writer(info, *load_generator(locate(str(tiny_writer))))
    writer.save(tmp_path / "package")
    kind_of("completion").take_away(tmp_path / "package", tmp_path / "taken")
    texts = ["x plus one", "  x\tplus   two ", "y </s> <|im_end|>"]
    answer = program_of(tmp_path / "taken")["answer"]
    assert [answer(text) for text in texts] == [each["answer"] for each in writer.predict(texts)]
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "taken").config.model_type


def test_a_soft_prompt_has_no_place_in_a_plain_model(tiny_bert: Path, tmp_path: Path) -> None:
    package = packaged(tiny_bert, tmp_path / "before", "linear", "mean")
    package.model.prompt = torch.nn.Embedding(3, package.model.head[-1].in_features)
    package.save(tmp_path / "package")
    with pytest.raises(RequestError, match="no place"):
        kind_of("multi_label").take_away(tmp_path / "package", tmp_path / "taken")


def test_a_model_of_words_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="--alias challenger"):
        kind_of("single_label").take_away(tmp_path, tmp_path / "taken")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(RequestError, match="is there already"):
        require_empty(tmp_path)
    require_empty(tmp_path / "none yet")


def test_its_program_runs_where_thaw_cannot_be_imported(tiny_bert: Path, tmp_path: Path) -> None:
    package = packaged(tiny_bert, tmp_path / "package", "linear", "mean")
    folder = tmp_path / "taken"
    kind_of("multi_label").take_away(tmp_path / "package", folder)
    program = [sys.executable, "-I", str(folder / "predict.py"), TEXTS[0]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["labels"]) == set(package.predict(TEXTS[:1])[0]["labels"])
