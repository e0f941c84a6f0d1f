"""Linear models of words or characters as packages: scikit-learn's answers, without pickle."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tasks.config import DataConfig
from tasks.config.base import Task
from tasks.errors import RequestError
from tasks.evaluation.baselines import Baseline, tfidf_logistic
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.word_model import Reading
from tasks.kinds.labels.classical_package import ClassicalInfo, ClassicalPackage
from tasks.kinds.ranking.baselines import fit_words
from tasks.kinds.ranking.classical_package import ClassicalReward
from tasks.registry.words_folder import WordsInfo
from tasks.storage import put_table

WORDS = ("war", "ship", "ghost", "team", "the", "runs", "slowly", "again")
LABELS = ("a", "b", "c")


def texts(rows: int, seed: int) -> list[str]:
    draws = np.random.default_rng(seed)
    return [" ".join(draws.choice(WORDS, 6)) for _ in range(rows)]


def truth_of(said: list[str], task: Task, labels: int) -> np.ndarray:
    found = np.array([[word in text for word in WORDS[:labels]] for text in said], dtype=np.int8)
    return found if task == "multi_label" else np.eye(labels, dtype=np.int8)[found.argmax(1)]


def fitted(task: Task, labels: int, reading: Reading) -> tuple[Baseline, list[str]]:
    parts = [texts(rows, seed) for seed, rows in enumerate((80, 40, 40))]
    truths = [truth_of(part, task, labels) for part in parts]
    select = "val/f1_micro" if task == "multi_label" else "val/accuracy"
    return tfidf_logistic(
        parts[0],
        truths[0],
        parts[1],
        truths[1],
        parts[2],
        [0.1, 10.0],
        select,
        Scoring(task),
        reading=reading,
    ), parts[2]


@pytest.mark.parametrize(
    ("task", "labels", "reading"),
    [
        ("multi_label", 3, "words"),
        ("single_label", 2, "words"),
        ("single_label", 3, "words"),
        ("multi_label", 3, "characters"),
        ("single_label", 3, "characters"),
    ],
)
def test_what_is_read_back_answers_as_what_was_measured(
    task: Task, labels: int, reading: Reading, tmp_path: Path
) -> None:
    baseline, asked = fitted(task, labels, reading)
    assert baseline.words is not None
    info = ClassicalInfo(
        case="genre",
        name="TF-IDF",
        data=DataConfig(required=("text",)),
        arm_key="words-1",
        task=task,  # type: ignore[arg-type]
        labels=LABELS[:labels],
        thresholds=(0.5,) * labels if task == "multi_label" else (),
    )
    folder = ClassicalPackage(info, baseline.words).save(tmp_path / "package")
    assert {file.name for file in folder.iterdir()} == {
        "package.json",
        "words.json",
        "words.safetensors",
    }
    read = ClassicalPackage.load(folder)
    found = read.probabilities(asked, rendered=True)
    np.testing.assert_allclose(found, baseline.test, atol=1e-6)
    for row, answer in zip(found, read.predict(asked, rendered=True), strict=True):
        passing = np.flatnonzero(row >= 0.5) if task == "multi_label" else [row.argmax()]
        assert set(answer["labels"]) == {LABELS[place] for place in passing}
    assert read.words.reading == reading
    assert read.predict(["zebra zebra"])  # no word that it knows


def test_a_model_of_an_earlier_release_reads_words(tmp_path: Path) -> None:
    baseline, asked = fitted("multi_label", 3, "words")
    assert baseline.words is not None
    baseline.words.save(tmp_path)
    told = json.loads((tmp_path / "words.json").read_text("utf-8"))
    del told["reading"]
    (tmp_path / "words.json").write_text(json.dumps(told), "utf-8")
    found = type(baseline.words).load(tmp_path).probabilities(asked)
    np.testing.assert_allclose(found, baseline.test, atol=1e-6)


def test_texts_without_words_and_labels_without_rows_are_kept_too(tmp_path: Path) -> None:
    said, truth = ["1", "2", "3", "4"], np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=np.int8)
    made = tfidf_logistic(said, truth, said, truth, said, [1.0], "val/loss")
    assert made.words is not None
    made.words.save(tmp_path)
    read = type(made.words).load(tmp_path)
    np.testing.assert_allclose(read.probabilities(["1", "5"]), made.test[:2], atol=1e-6)


def test_rewards_of_words_are_read_back_and_asked_as_a_reward_models(tmp_path: Path) -> None:
    good, bad = ["warm clear answer", "clear and kind"], ["cold cold noise", "noise again"]
    frame = pd.DataFrame({"chosen": good * 20, "rejected": bad * 20, "text": ["why?"] * 40})
    part = put_table(frame, "by hand")
    spec = SimpleNamespace(train=part, validation=part, test=part)
    words = fit_words(spec, [0.1, 1.0])  # type: ignore[arg-type]
    data = DataConfig(required=("query",), text_role="query", text=("{query}",))
    info = WordsInfo(case="sawyer_reward", name="TF-IDF", data=data, arm_key="words-1")
    folder = ClassicalReward(info, words).save(tmp_path / "package")
    read = ClassicalReward.load(folder)
    said = [{"question": "why?", "answer": answer} for answer in (*good, *bad)]
    rewards = [each["reward"] for each in read.predict(said)]
    assert min(rewards[:2]) > max(rewards[2:])
    assert rewards == pytest.approx(words.logits([*good, *bad])[:, 0])
    assert [each["reward"] for each in read.predict(good, {"question": "why?"})] == rewards[:2]
    with pytest.raises(RequestError, match="without a question"):
        read.predict(good)
