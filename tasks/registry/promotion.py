"""From the best arm to the champion: packaged, checked, registered, judged. In that order.

A version exists only after the packaged model was loaded back in a fresh process and gave the
same answers; it becomes `champion` only if it beats the base-rate baseline (where it writes: the
untouched model) and the standing champion on the same test rows. A failure in between leaves the
registry as it was.
"""

import tempfile
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

import tasks
from tasks.config import CaseConfig
from tasks.evaluation.outcomes import Outcome
from tasks.registry.judging import judge
from tasks.registry.packaging import Packager, Packaging
from tasks.registry.verify import verify_in_fresh_process
from tasks.storage import TableRef
from tasks.tracking import Tracker


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
    kind: Packager,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    model_card: str,
) -> Promotion:
    """Register the best arm and let it stand for champion, one sweep at a time.

    Two sweeps of a case that end together are judged one after another: the second meets the
    champion that the first has made.

    Args:
        tracker: the store.
        kind: of the case.
        config: the case.
        best: the arm that validation chose.
        base_rate: the outcome that it has to beat.
        test: the test part (columns `id`, `text`, `labels`).
        model_card: Markdown for the version's description.

    Raises:
        ThawError: the package fails its check, or the registry refuses.
    """
    name = config.registry.name or config.case
    with tracker.alone_with(f"model {name}"):
        return _promote(tracker, kind, config, best, base_rate, test, model_card, name)


def _promote(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    model_card: str,
    name: str,
) -> Promotion:
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
    version = known or register(tracker, kind, config, best, test, name)
    try:
        tracker.set_alias(name, "challenger", version)
        wins, reason = judge(tracker, kind, config, best, base_rate, test, name)
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


def register(
    tracker: Tracker, kind: Packager, config: CaseConfig, best: Outcome, test: TableRef, name: str
) -> str:
    """Package the best arm, prove that the package stands by itself, and add it as a version.

    Raises:
        ThawError: the package fails its check, or the registry refuses; nothing is left.
    """
    with tempfile.TemporaryDirectory(prefix="thaw-package-") as scratch:
        package = kind.package(best, config)
        package.save(Path(scratch) / "package")
        way, examples = kind.packaging, kind.packaging.examples(test)
        uri, model_id = log_model(tracker, best, Path(scratch) / "package", examples[:2], way)
        verify_in_fresh_process(tracker, uri, examples, package.predict(examples))
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


def log_model(
    tracker: Tracker, best: Outcome, package: Path, examples: list[Any], way: Packaging
) -> tuple[str, str]:
    """Log the package as a pyfunc under the arm's run; returns its URI and logged-model id."""
    return tracker.log_pyfunc(
        best.run_id,
        name="model",
        python_model=str(Path(__file__).with_name(way.file)),
        artifacts={"package": str(package)},
        code_paths=[str(Path(str(tasks.__file__)).parent)],
        pip_requirements=way.requirements,
        # With it MLflow infers the signature from the type hints of the packaged file; the values
        # given here become the parameters' defaults.
        input_example=(examples, way.params),
    )
