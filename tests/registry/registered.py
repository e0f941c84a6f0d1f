"""Packages put into the registry without a sweep: what later stages find under an alias."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tasks.config.base import Task


def register(name: str, package: Any, task: Task, base: str = "", alias: str = "champion") -> str:
    """Log a package as its flow does and point an alias at it; returns the version.

    Args:
        name: of the registered model.
        package: with `save` and `predict`.
        task: of its case.
        base: what its run says that it was trained from.
        alias: that names the version.
    """
    from tasks.kinds.kind import kind_of
    from tasks.registry.promotion import log_model
    from tasks.tracking import Tracker

    tracker = Tracker()
    params = {"model.base": base} if base else {}
    run_id = tracker.start_run(tracker.experiment(name), "made for a test", {}, params)
    with tempfile.TemporaryDirectory() as scratch:
        folder = package.save(Path(scratch) / "package")
        example = [{"question": "a", "answer": "b"}] if task == "preference" else ["a"]
        made = SimpleNamespace(run_id=run_id)
        uri, model_id = log_model(tracker, made, folder, example, kind_of(task).packaging)
    tracker.finish(run_id)
    version = tracker.create_version(name, uri, run_id, model_id, {})
    tracker.set_alias(name, alias, version)
    return version


def saved(package: Any, task: Task, folder: Path) -> Path:
    """A package in a folder as MLflow loads it, without a store; returns `folder / "model"`."""
    import mlflow.pyfunc

    from tasks.kinds.kind import kind_of

    way = kind_of(task).packaging
    code = way.bring_code(folder / "code")
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(code / way.file),
        artifacts={"package": str(package.save(folder / "package"))},
        code_paths=[str(code)],
        pip_requirements=[],
    )
    return folder / "model"


def writer(base: Path, **language: Any) -> Any:
    """A package of a tiny model that writes, in a prompt of its own."""
    from tasks.config import DataConfig, LanguageConfig
    from tasks.kinds.writing.package import Writer, WriterInfo
    from tasks.language.writing import load_writing
    from tasks.models.base_models import locate

    data = DataConfig(required=("prompt",), text_role="prompt", text=("{prompt}",))
    spoken = LanguageConfig(**({"max_new_tokens": 6} | language))
    info = WriterInfo(case="sft", data=data, language=spoken, arm_key="k", strategy="full")
    return Writer(info, *load_writing(locate(str(base))))


def classifier(base: Path, labels: tuple[str, ...], seed: int = 0) -> Any:
    """A package of a tiny classifier with one label a text."""
    from tasks.config import DataConfig
    from tasks.kinds.labels.package import Package, PackageInfo
    from tasks.models.base_models import locate
    from tasks.models.classifier import HeadConfig, TextClassifier
    from tasks.models.loading import load_backbone, load_tokenizer

    located = locate(str(base))
    head = HeadConfig(labels=len(labels), pooling="mean", task="single_label")
    info = PackageInfo(
        case="reviews",
        task="single_label",
        labels=labels,
        thresholds=(),
        max_length=32,
        data=DataConfig(required=("body",), text_role="body", text=("Body: {body}",)),
        arm_key="k",
        strategy="full",
    )
    model = TextClassifier(load_backbone(located), head, seed)
    return Package(info, model, load_tokenizer(located))


def reward_model(base: Path, seed: int = 0) -> Any:
    """A package of a tiny reward model."""
    from tasks.config import DataConfig
    from tasks.kinds.ranking.package import RewardModel, RewardModelInfo
    from tasks.models.base_models import locate
    from tasks.models.classifier import HeadConfig, TextClassifier
    from tasks.models.loading import load_backbone, load_tokenizer

    located = locate(str(base))
    head = HeadConfig(labels=1, pooling="mean", task="preference")
    data = DataConfig(required=("query",), text_role="query", text=("{query}",))
    info = RewardModelInfo(
        case="sawyer_reward", max_length=48, data=data, arm_key="k", strategy="full"
    )
    model = TextClassifier(load_backbone(located), head, seed)
    return RewardModel(info, model, load_tokenizer(located))
