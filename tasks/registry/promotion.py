"""From the best arm to the champion: packaged, checked, registered, judged. In that order.

A version exists only after the packaged model was loaded back in a fresh process and gave the
same probabilities; it becomes `champion` only if it beats the base-rate baseline and the standing
champion on the same test rows. A failure in between leaves the registry as it was.
"""

import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

import tasks
from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.evaluation.metrics import compute
from tasks.evaluation.outcomes import Outcome
from tasks.models.base_models import load_tokenizer, locate
from tasks.registry.package import Package, PackageInfo
from tasks.registry.verify import verify_in_fresh_process
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.building import load_trained
from tasks.training.trainer import higher_is_better

CHECKED_TEXTS = 8
# What the packaged code imports, pinned to what it was trained with.
REQUIREMENTS = (
    "mlflow",
    "torch",
    "transformers",
    "safetensors",
    "tokenizers",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "filelock",
    "httpx",
    "tqdm",
)


class Promotion(BaseModel):
    """What became of the best arm in the registry.

    Attributes:
        version: its version of the registered model.
        status: `champion`, `challenger` (it did not win), or `unchanged` (this very arm had been
            judged before).
        reason: one sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    status: Literal["champion", "challenger", "unchanged"]
    reason: str


def promote(
    tracker: Tracker,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    model_card: str,
) -> Promotion:
    """Register the best arm and let it stand for champion.

    Args:
        tracker: the store.
        config: the case.
        best: the arm that validation chose.
        base_rate: the baseline that predicts label frequencies.
        test: the test part (columns `id`, `text`, `labels`).
        model_card: Markdown for the version's description.

    Raises:
        ThawError: the package fails its check, or the registry refuses.
    """
    name = config.registry.name or config.case
    standing = tracker.alias(name, "champion")
    if standing is not None and standing.tags.get("thaw.arm") == best.key:
        reason = f"this arm is the champion already (version {standing.version})"
        return Promotion(
            name=name, version=str(standing.version), status="unchanged", reason=reason
        )
    before = aliased(tracker, name)
    challenger = tracker.alias(name, "challenger")
    judged_before = challenger is not None and challenger.tags.get("thaw.arm") == best.key
    # A challenger may win now where it lost then: the champion is another, or gone.
    known = before["challenger"] if judged_before else None
    version = known or register(tracker, config, best, test, name)
    try:
        tracker.set_alias(name, "challenger", version)
        wins, reason = judge(tracker, config, best, base_rate, test, name)
        tracker.describe_version(name, version, model_card, {"thaw.verdict": reason})
        if wins:
            tracker.set_alias(name, "champion", version)
            tracker.delete_alias(name, "challenger")
    except BaseException:
        if not judged_before:
            tracker.delete_version(name, version)
        restore_aliases(tracker, name, before)
        raise
    return Promotion(
        name=name, version=version, status="champion" if wins else "challenger", reason=reason
    )


def register(tracker: Tracker, config: CaseConfig, best: Outcome, test: TableRef, name: str) -> str:
    """Package the best arm, prove that the package stands by itself, and add it as a version.

    Raises:
        ThawError: the package fails its check, or the registry refuses; nothing is left.
    """
    with tempfile.TemporaryDirectory(prefix="thaw-package-") as scratch:
        package = build_package(best, config)
        package.save(Path(scratch) / "package")
        texts = test.read(["text"])["text"].tolist()
        examples = sorted(texts, key=len)[:: max(1, len(texts) // CHECKED_TEXTS)][:CHECKED_TEXTS]
        uri, model_id = log_model(tracker, best, Path(scratch) / "package", examples[:2])
        verify_in_fresh_process(
            tracker.uri, uri, examples, package.predict(examples), Path(scratch)
        )
    tags = {
        "thaw.arm": best.key,
        "thaw.strategy": str(best.strategy),
        "thaw.test_digest": test.digest,
        config.evaluation.primary: f"{best.metrics[config.evaluation.primary]:.4f}",
    }
    return tracker.create_version(name, uri, best.run_id, model_id, tags)


def aliased(tracker: Tracker, name: str) -> dict[str, str]:
    """The version that `champion` and `challenger` name, where they name one."""
    found = {alias: tracker.alias(name, alias) for alias in ("champion", "challenger")}
    return {alias: str(version.version) for alias, version in found.items() if version is not None}


def restore_aliases(tracker: Tracker, name: str, before: dict[str, str]) -> None:
    """Let both aliases name again what `aliased` found before."""
    now = aliased(tracker, name)
    for alias in now.keys() - before.keys():
        tracker.delete_alias(name, alias)
    for alias, version in before.items():
        if now.get(alias) != version:
            tracker.set_alias(name, alias, version)


def build_package(best: Outcome, config: CaseConfig) -> Package:
    """The best arm's model with all that prediction needs."""
    if best.folder is None:
        raise ThawError(f"{best.name} is no trained arm, so there is nothing to register.")
    spec, model = load_trained(Path(best.folder))
    info = PackageInfo(
        case=config.case,
        task=config.task,
        labels=spec.labels,
        thresholds=best.thresholds,
        max_length=spec.model.max_length,
        data=config.data.without_source(),
        arm_key=best.key,
        strategy=str(best.strategy),
    )
    return Package(info, model, load_tokenizer(locate(spec.model.base)))


def log_model(
    tracker: Tracker, best: Outcome, package: Path, examples: list[str]
) -> tuple[str, str]:
    """Log the package as a pyfunc under the arm's run; returns its URI and logged-model id."""
    return tracker.log_pyfunc(
        best.run_id,
        name="model",
        python_model=str(Path(__file__).with_name("packaged.py")),
        artifacts={"package": str(package)},
        code_paths=[str(Path(str(tasks.__file__)).parent)],
        pip_requirements=[f"{name}=={installed_version(name)}" for name in REQUIREMENTS],
        # With it MLflow infers the signature from the type hints of `packaged.py`; the value
        # given here becomes the parameter's default.
        input_example=(examples, {"rendered": False}),
    )


def judge(
    tracker: Tracker,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether the challenger becomes champion, and why, on the same test rows for all.

    A standing champion with other labels is scored on those that it knows; a label that it does
    not know counts as never predicted.
    """
    metric = config.evaluation.primary
    sign = 1 if higher_is_better(metric) else -1
    mine, floor = best.metrics[metric], base_rate.metrics[metric]
    if sign * (mine - floor) <= 0:
        return False, f"{metric} {mine:.4f} does not beat the base rate's {floor:.4f}"
    standing = tracker.alias(name, "champion")
    if standing is None:
        return True, f"{metric} {mine:.4f} beats the base rate's {floor:.4f}; no champion stood"
    theirs = champion_figure(tracker, config, best, test, str(standing.version), name)
    if sign * (mine - theirs) <= 0:
        return (
            False,
            f"{metric} {mine:.4f} does not beat champion {standing.version}'s {theirs:.4f}",
        )
    return True, f"{metric} {mine:.4f} beats champion {standing.version}'s {theirs:.4f}"


def champion_figure(
    tracker: Tracker,
    config: CaseConfig,
    best: Outcome,
    test: TableRef,
    version: str,
    name: str,
) -> float:
    """The standing champion's primary figure on this test part."""
    from tasks.evaluation.outcomes import read_predictions
    from tasks.training.arms import ArmSpec

    spec = ArmSpec.model_validate_json((Path(str(best.folder)) / "arm.json").read_text("utf-8"))
    truth = read_predictions(best.test).truth
    rows = test.read(["text"])["text"].tolist()
    try:
        champion = tracker.load_pyfunc(f"models:/{name}/{version}")
        answers = champion.predict(rows, params={"rendered": True})
    except Exception as error:  # a model of any origin may fail in any way
        raise ThawError(
            f"The standing champion {name} version {version} cannot be asked ({error}); "
            "move the alias `champion` off it and run again."
        ) from error
    probabilities = np.array(
        [[answer["probabilities"].get(label, 0.0) for label in spec.labels] for answer in answers]
    )
    passing = np.array(
        [[float(label in answer["labels"]) for label in spec.labels] for answer in answers]
    )
    if metric_is_tuned(config.evaluation.primary):
        figures = compute(config.task, truth, passing, [0.5] * len(spec.labels))
    else:
        figures = compute(config.task, truth, probabilities, positive=spec.positive)
    return figures[config.evaluation.primary.removeprefix("test/")]


def metric_is_tuned(metric: str) -> bool:
    """Whether a metric is taken at the model's own thresholds rather than at 0.5."""
    return metric.endswith("_tuned")
