"""Embeddings with logistic regression, against transformers and scikit-learn alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tiny import MakeSpec
from transformers import AutoModel, AutoTokenizer

from tasks.config.loading import load_case
from tasks.evaluation.outcomes import read_predictions
from tasks.kinds.labels.prompts import build_package
from tasks.kinds.labels.references import EMBEDDINGS, baseline_names, measure_reference
from tasks.training.encoding import multi_hot


def embedded(folder: str, texts: list[str], longest: int) -> np.ndarray:
    """The mean of a model's last states over the tokens of each text, one text at a time."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found = []
    with torch.inference_mode():
        for text in texts:
            batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)
            found.append(model(**batch)[0][0].mean(0).numpy())
    return np.stack(found)


def test_it_is_scikit_learns_regression_on_the_models_own_states(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    """Whatever the arms read and train: here the first token, and blocks."""
    spec = make_spec(strategy="freeze_2", model={"pooling": "cls", "head": "dense"})
    config: Any = load_case("genre", "sample", [f"model.base={spec.model.base}"])
    outcome = measure_reference(EMBEDDINGS, config, spec, None, "run")  # type: ignore[arg-type]
    assert (outcome.kind, outcome.name, outcome.seed) == ("baseline", EMBEDDINGS, None)
    strength = float(outcome.note.partition("C=")[2].split()[0])
    train, test = (part.read(["text", "labels"]) for part in (spec.train, spec.test))
    seen, asked = (
        embedded(spec.model.base, part["text"].tolist(), spec.model.max_length)
        for part in (train, test)
    )
    truth = multi_hot(train["labels"].tolist(), list(spec.labels))
    expected = np.stack(
        [
            LogisticRegression(C=strength, max_iter=5000, tol=1e-7)
            .fit(seen, column)
            .predict_proba(asked)[:, 1]
            for column in truth.T
        ],
        1,
    )
    found = read_predictions(outcome.test).probabilities
    np.testing.assert_allclose(found, expected, atol=2e-3)
    folder = build_package(outcome, config).save(tmp_path / "package")
    package = type(build_package(outcome, config)).load(folder)
    answers = package.probabilities(test["text"].tolist(), rendered=True)
    np.testing.assert_allclose(answers, found, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "overrides", "stands"),
    [
        ("genre", (), False),  # its head is solved, and reads the mean
        ("genre", ("strategies=[full]",), True),
        ("genre", ("training.solve_head=false",), True),
        ("genre", ("model.pooling=cls",), True),
        ("genre", ("training.class_weights=true",), True),
        ("spam", (), True),  # its head reads the last token
    ],
)
def test_it_stands_where_no_arm_is_it(
    case: str, overrides: tuple[str, ...], stands: bool, tiny_gpt2: Path
) -> None:
    bases = {"spam": [f"model.base={tiny_gpt2}"]}  # its own takes long to unpack
    names = baseline_names(load_case(case, "sample", [*bases.get(case, []), *overrides]))
    assert (EMBEDDINGS in names) == stands
