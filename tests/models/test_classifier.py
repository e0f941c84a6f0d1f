"""The classifier: pooling that never reads padding, heads that start equal, saved as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import FAMILIES, WIDTH
from torch import nn

from tasks.models.base_models import locate
from tasks.models.classifier import (
    HEAD_SCALE,
    Head,
    HeadConfig,
    TextClassifier,
    pool,
    to_probabilities,
)
from tasks.models.loading import load_backbone

POOLINGS = ("cls", "first", "mean", "last")


def read_by_hand(tokens: torch.Tensor, pooling: str) -> torch.Tensor:
    """What pooling means for one text of (tokens, width) without padding."""
    return {"mean": tokens.mean(0), "last": tokens[-1]}.get(pooling, tokens[0])


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    left=st.lists(st.booleans(), min_size=5, max_size=5),
    pooling=st.sampled_from(POOLINGS),
    seed=st.integers(0, 1000),
)
def test_padding_is_never_read_on_whichever_side_it_stands(
    lengths: list[int], left: list[bool], pooling: str, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths) + seed % 3
    # A padded position holds something enormous: reading it once would show.
    hidden = torch.full((len(lengths), width, 3), 1e9)
    mask = torch.zeros((len(lengths), width), dtype=torch.long)
    wanted = []
    for row, length in enumerate(lengths):
        tokens = torch.randn((length, 3), generator=generator)
        place = slice(width - length, width) if left[row] else slice(0, length)
        hidden[row, place], mask[row, place] = tokens, 1
        wanted.append(read_by_hand(tokens, pooling))
    torch.testing.assert_close(pool(hidden, mask, pooling), torch.stack(wanted))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_of_one_token_is_that_token(pooling: str) -> None:
    hidden = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 1]])
    torch.testing.assert_close(
        pool(hidden, mask, pooling), torch.stack([hidden[0, 0], hidden[1, 3]])
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_row_without_any_token_gives_a_number(pooling: str) -> None:
    mask = torch.zeros(1, 3, dtype=torch.long)
    assert pool(torch.randn(1, 3, 2), mask, pooling).isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
def test_padding_changes_no_logit_in_any_family(
    family: str, pooling: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    model = TextClassifier(backbone, HeadConfig(labels=3, pooling=pooling)).eval()
    ids = torch.tensor([[10, 11, 12]])
    padded = torch.tensor([[10, 11, 12, 1, 1]])
    alone = model(ids, torch.ones_like(ids))["logits"]
    in_batch = model(padded, torch.tensor([[1, 1, 1, 0, 0]]))["logits"]
    torch.testing.assert_close(alone, in_batch, atol=1e-5, rtol=1e-4)


# --- heads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "dense"])
def test_a_head_depends_on_its_seed_and_on_nothing_that_was_drawn_before(kind: str) -> None:
    config = HeadConfig(labels=5, pooling="cls", kind=kind)
    torch.manual_seed(1)
    first = Head(WIDTH, config, seed=7)
    torch.manual_seed(2)
    torch.randn(100)
    second = Head(WIDTH, config, seed=7)
    other = Head(WIDTH, config, seed=8)
    for name, weight in first.state_dict().items():
        torch.testing.assert_close(weight, second.state_dict()[name], rtol=0, atol=0)
        assert name.endswith("bias") or not torch.equal(weight, other.state_dict()[name])


def test_making_a_head_draws_nothing_that_changes_the_rest_of_the_run() -> None:
    config = HeadConfig(labels=5, pooling="cls")
    heads = []
    for seed in (1, 2):
        torch.manual_seed(0)
        heads.append(Head(WIDTH, config, seed))
        heads.append(torch.randn(3))
    torch.testing.assert_close(heads[1], heads[3])


def test_a_head_starts_small_and_without_bias() -> None:
    head = Head(400, HeadConfig(labels=300, pooling="cls", kind="dense"), seed=1)
    layers = [layer for layer in head if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in layers] == [(400, 400), (300, 400)]
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(HEAD_SCALE, rel=0.02)
        assert layer.bias.count_nonzero() == 0


def test_dropout_stands_before_the_last_layer() -> None:
    head = Head(WIDTH, HeadConfig(labels=2, pooling="cls", kind="dense", dropout=0.4))
    assert [type(layer).__name__ for layer in head] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert head[2].p == 0.4


# --- losses and probabilities -----------------------------------------------------------------


@pytest.fixture
def classifier(tiny_bert: Path) -> Callable[..., TextClassifier]:
    def make(task: str = "multi_label", weights: torch.Tensor | None = None) -> TextClassifier:
        head = HeadConfig(labels=3, pooling="cls", task=task)
        backbone = load_backbone(locate(str(tiny_bert)))
        return TextClassifier(backbone, head, positive_weights=weights).eval()

    return make


def test_the_losses_are_the_textbook_ones(classifier: Callable[..., TextClassifier]) -> None:
    pooled = torch.randn(4, WIDTH)
    truth = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]])
    out = classifier().classify(pooled, truth)
    p = torch.sigmoid(out["logits"])
    by_hand = -(truth * p.log() + (1 - truth) * (1 - p).log()).mean()
    torch.testing.assert_close(out["loss"], by_hand)
    classes = torch.tensor([0, 2, 1, 1])
    out = classifier("single_label").classify(pooled, classes)
    by_hand = -torch.log_softmax(out["logits"], -1)[torch.arange(4), classes].mean()
    torch.testing.assert_close(out["loss"], by_hand)


def test_class_weights_shape_the_loss_and_are_not_saved(
    classifier: Callable[..., TextClassifier],
) -> None:
    weights = torch.tensor([1.0, 2.0, 3.0])
    model = classifier(weights=weights)
    pooled, truth = torch.randn(4, WIDTH), torch.eye(4)[:, :3]
    out = model.classify(pooled, truth)
    p = torch.sigmoid(out["logits"])
    by_hand = -(weights * truth * p.log() + (1 - truth) * (1 - p).log()).mean()
    torch.testing.assert_close(out["loss"], by_hand)
    assert "positive_weights" not in model.state_dict()


def test_without_labels_there_is_no_loss(classifier: Callable[..., TextClassifier]) -> None:
    assert set(classifier().classify(torch.randn(2, WIDTH))) == {"logits"}


def test_probabilities_add_up_for_one_class_and_stand_alone_for_labels() -> None:
    logits = np.array([[0.0, 1000.0, -1000.0], [1.0, 2.0, 3.0]], dtype=np.float32)
    single = to_probabilities(logits, "single_label")
    np.testing.assert_allclose(single.sum(1), 1)
    np.testing.assert_allclose(single[0], [0, 1, 0])
    np.testing.assert_allclose(to_probabilities(logits, "multi_label")[0], [0.5, 1, 0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_classifier_comes_back_the_same_without_its_base_model(
    family: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    head = HeadConfig(labels=3, pooling="mean", kind="dense")
    model = TextClassifier(backbone, head, seed=3).eval()
    model.save(tmp_path / "model")
    kept = {path.name for path in (tmp_path / "model").iterdir()}
    assert kept == {"config.json", "head.json", "classifier.safetensors"}
    ids = torch.tensor([[10, 11, 12]])
    back = TextClassifier.load(tmp_path / "model")
    assert not back.training
    wanted = model(ids, torch.ones_like(ids))["logits"]
    torch.testing.assert_close(back(ids, torch.ones_like(ids))["logits"], wanted, rtol=0, atol=0)
