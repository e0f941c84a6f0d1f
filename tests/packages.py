"""Untrained classifiers in packages, whose answers differ visibly."""

from pathlib import Path
from typing import Any

import torch
from tiny import LABELS

from tasks.config.loading import load_case
from tasks.kinds.labels.package import Package, PackageInfo
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.loading import load_backbone, load_tokenizer


def label_package(
    base: Path,
    task: str = "multi_label",
    head: str = "linear",
    pooling: str = "mean",
    **changes: Any,
) -> Package:
    """A classifier on a base model; `changes` are fields of its information."""
    located = locate(str(base))
    config = HeadConfig(labels=len(LABELS), pooling=pooling, task=task, kind=head)
    model = TextClassifier(load_backbone(located), config, seed=5)
    with torch.no_grad():
        model.head[-1].weight.mul_(50)
    fields: dict[str, Any] = {
        "case": "genre",
        "task": task,
        "labels": LABELS,
        "thresholds": (0.5, 0.4, 0.6),
        "max_length": 48,
        "data": load_case("genre").data.without_source(),
        "arm_key": "abc",
        "strategy": "full",
    }
    return Package(PackageInfo(**(fields | changes)), model, load_tokenizer(located))
