"""The solved head against scikit-learn's own search on the same vectors, on real files."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.config import PARTS, ModelConfig, TrainingConfig
from tasks.config.base import Task
from tasks.config.strategies import strategy
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.kinds.labels.training import LabelLearner
from tasks.models.base_models import locate
from tasks.storage import put_table
from tasks.training.arms import ArmSpec
from tasks.training.run import ArmRun
from tasks.training.solving import STRENGTHS, vectors_of


def sms(folder: Path) -> pd.DataFrame:
    """One of two labels: `ham`, `spam`."""
    lines = (folder / "SMSSpamCollection").read_text("utf-8").splitlines()
    rows = [line.split("\t", 1) for line in lines]
    return pd.DataFrame(
        {"text": [text for _, text in rows], "labels": [[said] for said, _ in rows]}
    )


def reviews(folder: Path) -> pd.DataFrame:
    """One of five stars."""
    rows = pd.read_parquet(folder / "reviews.parquet").sample(1500, random_state=0)
    texts = rows["review_title"].fillna("") + "\n" + rows["review_body"].fillna("")
    return pd.DataFrame({"text": texts, "labels": [[str(stars)] for stars in rows["stars"]]})


def imdb(folder: Path) -> pd.DataFrame:
    """One of two labels: `0`, `1`."""
    rows = pd.read_parquet(folder / "imdb.parquet").sample(1000, random_state=0)
    return pd.DataFrame({"text": rows["text"], "labels": [[str(label)] for label in rows["label"]]})


def news(folder: Path) -> pd.DataFrame:
    """One of five sections."""
    rows = pd.read_parquet(folder / "news.parquet").sample(1500, random_state=0)
    return pd.DataFrame({"text": rows["text"], "labels": [[said] for said in rows["section"]]})


def titles(folder: Path) -> pd.DataFrame:
    """Several genres."""
    rows = pd.read_csv(folder / "anime_synopses.csv").sample(1500, random_state=0)
    said = [[each.strip() for each in genres.split(",")] for genres in rows["genres"].fillna("")]
    often = pd.Series(said).explode().value_counts()
    kept = set(often[often >= 50].index)
    labels = [[each for each in genres if each in kept] for genres in said]
    return pd.DataFrame({"text": rows["title"] + "\n" + rows["synopsis"], "labels": labels})


def spec_of(rows: pd.DataFrame, task: Task, select_by: str, positive: str | None) -> ArmSpec:
    """A head on MiniLM, on seeded parts."""
    rows = rows.sample(frac=1, random_state=1).reset_index(drop=True)
    rows.insert(0, "id", rows.index.astype(str))
    ends = (0, int(0.7 * len(rows)), int(0.85 * len(rows)), len(rows))
    parts = [rows.iloc[start:end] for start, end in pairwise(ends)]
    labels = tuple(sorted(set(rows["labels"].explode().dropna())))
    fields: dict[str, Any] = {
        name: put_table(part, name) for name, part in zip(PARTS, parts, strict=True)
    }
    return ArmSpec(
        case="real",
        task=task,
        strategy=strategy("head"),
        seed=1,
        point={},
        model=ModelConfig(base="minilm", max_length=64),
        training=TrainingConfig(select_by=select_by),
        base_digest=locate("minilm").digest,
        labels=labels,
        positive=labels.index(positive) if positive else None,
        **fields,
    )


def theirs(vectors: dict[str, np.ndarray], truth: dict[str, np.ndarray], spec: ArmSpec) -> Any:
    """(part, strength) -> probabilities, by scikit-learn alone."""
    found = {}
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=5000)
        if spec.task == "single_label":
            model.fit(vectors["train"], truth["train"].argmax(1))
            for part in ("validation", "test"):
                found[part, strength] = model.predict_proba(vectors[part])
            continue
        fitted = [
            LogisticRegression(C=strength, max_iter=5000).fit(vectors["train"], column)
            for column in truth["train"].T
        ]
        for part in ("validation", "test"):
            chances = [each.predict_proba(vectors[part])[:, 1] for each in fitted]
            found[part, strength] = np.stack(chances, 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "task", "select_by", "primary", "positive"),
    [
        (sms, "single_label", "average_precision", "f1", "spam"),
        (reviews, "single_label", "f1_macro", "f1_macro", None),
        (imdb, "single_label", "roc_auc", "accuracy", "1"),
        (news, "single_label", "accuracy", "accuracy", None),
        (titles, "multi_label", "average_precision_micro", "f1_micro_tuned", None),
    ],
)
def test_the_solved_head_is_never_below_scikit_learns(
    read: Any,
    task: Task,
    select_by: str,
    primary: str,
    positive: str | None,
    real_data: Path,
) -> None:
    spec = spec_of(read(real_data), task, f"val/{select_by}", positive)
    arm = ArmRun(spec, LabelLearner)
    arm.train(lambda metrics, step: None)
    outcome, learner = arm.evaluate("run"), arm.learner
    assert isinstance(learner, LabelLearner)
    parts, trainee = learner.trainee.parts, learner.trainee
    vectors = {
        name: vectors_of(trainee.module, part, trainee.collate, 64).numpy()
        for name, part in parts.items()
    }
    truth = {name: part.truth for name, part in parts.items()}
    found = theirs(vectors, truth, spec)

    def figures(part: str, strength: float) -> dict[str, float]:
        tuned = None
        if task == "multi_label":
            tuned = tune_thresholds(truth["validation"], found["validation", strength])
        return compute(spec.scoring, truth[part], found[part, strength], tuned)

    best = max(STRENGTHS, key=lambda strength: figures("validation", strength)[select_by])
    expected, ours = figures("test", best)[primary], outcome.metrics[f"test/{primary}"]
    print(f"{read.__name__}: {primary} {ours:.4f}, scikit-learn {expected:.4f}, {outcome.note}")
    assert ours >= expected - 0.002
