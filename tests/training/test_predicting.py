"""Predictions over a whole part: in the part's order, and no matter how it was batched."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import DECODERS, FAMILIES, LABELS

from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.loading import load_backbone, load_tokenizer
from tasks.storage import TableRef
from tasks.training.batching import PaddingCollator
from tasks.training.encoding import encode
from tasks.training.predicting import predict_logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("batch_size", "to_length"), [(1, None), (7, None), (64, None), (7, 64)])
def test_the_logits_are_those_of_each_text_alone(
    family: str,
    batch_size: int,
    to_length: int | None,
    tiny: Callable[[str], Path],
    parts: dict[str, TableRef],
) -> None:
    located = locate(str(tiny(family)))
    model = TextClassifier(
        load_backbone(located),
        HeadConfig(labels=3, pooling="last" if family in DECODERS else "cls"),
        seed=1,
    )
    part = encode(parts["test"], LABELS, "multi_label", located, 48)
    assert len(set(part.rows["length"])) > 1 or family not in ("bert", "distilbert")
    collator = PaddingCollator(load_tokenizer(located).pad_token_id, to_length)
    together = predict_logits(model, part, collator, batch_size)
    model.eval()
    with torch.inference_mode():
        alone = [
            model(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))["logits"][0]
            for ids in part.rows["input_ids"]
        ]
    np.testing.assert_allclose(together, np.stack(alone), atol=2e-6)
    assert together.std(0).min() > 1e-4  # the texts differ, so an exchanged pair would show


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_the_mode_it_was_in(
    training: bool, tiny_bert: Path, parts: dict[str, TableRef]
) -> None:
    located = locate(str(tiny_bert))
    model = TextClassifier(load_backbone(located), HeadConfig(labels=3, pooling="cls"))
    model.train(training)
    part = encode(parts["test"], LABELS, "multi_label", located, 24)
    first = predict_logits(model, part, PaddingCollator(0), 8)
    assert model.training is training
    # Dropout was off: the same again gives the same.
    np.testing.assert_array_equal(first, predict_logits(model, part, PaddingCollator(0), 8))
