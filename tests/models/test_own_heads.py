"""Heads as the families' own classifiers have them, held against transformers' classes."""

from pathlib import Path

import pytest
import torch
from tiny import MakeSpec
from transformers import BertForSequenceClassification, RobertaForSequenceClassification

from tasks.errors import RequestError
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier
from tasks.training.building import build_model

IDS = torch.tensor([[2, 40, 50, 60, 3, 0], [2, 70, 3, 0, 0, 0]])
MASK = (IDS != 0).long()


def test_berts_pretrained_pooler_belongs_to_its_classifier(
    make_spec: MakeSpec, tiny_bert: Path, tmp_path: Path
) -> None:
    spec = make_spec(strategy="full", model={"head": "pooler", "pooling": "cls"})
    ours = build_model(spec, locate(str(tiny_bert))).eval()
    theirs = BertForSequenceClassification.from_pretrained(
        tiny_bert, num_labels=3, problem_type="multi_label_classification"
    ).eval()
    theirs.classifier.load_state_dict(ours.head[-1].state_dict())
    with torch.inference_mode():
        logits = ours(IDS, MASK)["logits"]
        expected = theirs(input_ids=IDS, attention_mask=MASK).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    ours.save(tmp_path / "saved")
    with torch.inference_mode():
        again = TextClassifier.load(tmp_path / "saved")(IDS, MASK)["logits"]
    torch.testing.assert_close(again, logits, atol=1e-6, rtol=1e-6)


def test_robertas_head_has_tanh(make_spec: MakeSpec, tiny_roberta: Path) -> None:
    model = {"head": "tanh", "pooling": "cls", "base": str(tiny_roberta)}
    ours = build_model(make_spec(strategy="full", model=model), locate(str(tiny_roberta))).eval()
    theirs = RobertaForSequenceClassification.from_pretrained(tiny_roberta, num_labels=3).eval()
    theirs.classifier.dense.load_state_dict(ours.head[1].state_dict())
    theirs.classifier.out_proj.load_state_dict(ours.head[-1].state_dict())
    ids = torch.tensor([[0, 20, 30, 2]])
    with torch.inference_mode():
        logits = ours(ids, torch.ones_like(ids))["logits"]
        expected = theirs(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


def test_a_base_model_without_a_pooler_is_refused(
    make_spec: MakeSpec, tiny_distilbert: Path
) -> None:
    spec = make_spec(model={"head": "pooler", "base": str(tiny_distilbert)})
    with pytest.raises(RequestError, match=r"BERT's pooler, and .* has none: use model\.head"):
        build_model(spec, locate(str(tiny_distilbert)))
