"""From the best arm to the champion: packaged, checked, registered, judged. In that order.

A version exists only after the packaged model was loaded back in a fresh process and gave the
same answers. It becomes `champion` only if it is better than the reference that is strongest on
validation, by the verdict of the sweep's own table, and than the standing champion on the same test
rows; else it is `challenger`. Where that reference is a model that can be packaged (TF-IDF with
logistic regression), it stands for champion in the arm's place: who asks for predictions wants the
best predictor, not a transformer. A failure in between leaves the registry as it was.
"""

import tempfile
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tasks.config import CaseConfig
from tasks.evaluation.outcomes import Outcome
from tasks.registry.card import with_section
from tasks.registry.fresh_process import ahead
from tasks.registry.judging import Bar, Candidate, judge, outdoes
from tasks.registry.packaging import Packager, Packaging
from tasks.registry.speed import measure_speed, told_speed
from tasks.registry.stages import CLASSICAL, PROFILE
from tasks.registry.unseen import seen_by
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
        instead: the version of the reference that became champion in its place, if one did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    status: Literal["champion", "challenger", "unchanged"]
    reason: str
    instead: str | None = None


def promote(
    tracker: Tracker, kind: Packager, config: CaseConfig, arm: Candidate, bar: Bar, test: TableRef
) -> Promotion:
    """Register the best arm and let it stand for champion, one sweep at a time.

    Two sweeps of a case that end together are judged one after another: the second meets the
    champion that the first has made.

    Args:
        tracker: the store.
        kind: of the case.
        config: the case.
        arm: the one that validation chose.
        bar: what it has to be better than.
        test: the test part (columns `id`, `text`, `labels`).

    Raises:
        ThawError: the package fails its check, or the registry refuses.
    """
    name = config.registry.name or config.case
    bar = bar.for_model(arm.outcome, config.evaluation.primary)
    other = bar.candidate if bar.verdict != "better" else None  # it may stand in the arm's place
    waited = None if other is None else other.packaging.libraries
    with tracker.alone_with(f"model {name}"), ahead(waited):
        return _promote(tracker, kind, config, arm, bar, test, name)


def _promote(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    arm: Candidate,
    bar: Bar,
    test: TableRef,
    name: str,
) -> Promotion:
    standing = tracker.alias(name, "champion")
    if standing is not None and standing.tags.get("thaw.arm") == arm.key:
        reason = f"this arm is the champion already (version {standing.version})"
        return Promotion(
            name=name, version=str(standing.version), status="unchanged", reason=reason
        )
    before = aliased(tracker, name)
    challenger = tracker.alias(name, "challenger")
    judged_before = challenger is not None and challenger.tags.get("thaw.arm") == arm.key
    # A challenger may win now where it lost then: the champion is another, or gone.
    version = before["challenger"] if judged_before else register(tracker, config, arm, test, name)
    made, instead = [] if judged_before else [version], None
    seen = seen_by(arm.outcome)
    try:
        tracker.set_alias(name, "challenger", version)
        wins, reason = judge(tracker, kind, config, arm.outcome, bar, test, name)
        if bar.trivial and not wins:
            reason += f"; {bar.trivial}"
        if bar.candidate is not None and bar.verdict != "better":
            enters, why = _enters(tracker, kind, config, arm, bar.candidate, test, name)
            reason += f"; {why}"
            if enters:
                instead = register(tracker, config, bar.candidate, test, name)
                made.append(instead)
                verdict = {"thaw.verdict": reason, **seen}
                tracker.describe_version(name, instead, _card(tracker, bar.candidate), verdict)
                tracker.set_alias(name, "champion", instead)
        told = {"thaw.verdict": reason, **seen}
        tracker.describe_version(name, version, _card(tracker, arm), told)
        if wins:
            tracker.set_alias(name, "champion", version)
            tracker.delete_alias(name, "challenger")
    except BaseException:
        for each in made:
            tracker.delete_version(name, each)
        restore_aliases(tracker, name, before)
        raise
    return Promotion(
        name=name,
        version=version,
        status="champion" if wins else "challenger",
        reason=reason,
        instead=instead,
    )


def _card(tracker: Tracker, candidate: Candidate) -> str:
    """The candidate's card with how fast its package answers, once that is known."""
    return with_section(
        candidate.card, "Speed", told_speed(tracker.metrics(candidate.outcome.run_id))
    )


def _enters(
    tracker: Tracker,
    kind: Packager,
    config: CaseConfig,
    arm: Candidate,
    reference: Candidate,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether a reference becomes champion in the arm's place, and why."""
    title, standing = reference.outcome.name, tracker.alias(name, "champion")
    if standing is not None and standing.tags.get("thaw.arm") == reference.key:
        return False, f"{title} is the champion already (version {standing.version})"
    wins, why = outdoes(tracker, kind, config, reference.outcome, arm.outcome, test, name)
    return wins, f"{title} {'becomes champion instead' if wins else 'does not either'} ({why})"


def register(
    tracker: Tracker, config: CaseConfig, candidate: Candidate, test: TableRef, name: str
) -> str:
    """Package a candidate, prove that the package stands by itself, and add it as a version.

    Raises:
        ThawError: the package fails its check, or the registry refuses; nothing is left.
    """
    best, way = candidate.outcome, candidate.packaging
    with tempfile.TemporaryDirectory(prefix="thaw-package-") as scratch:
        package = candidate.package()
        package.save(Path(scratch) / "package")
        examples = way.examples(test)
        uri, model_id = log_model(tracker, best, Path(scratch) / "package", examples[:2], way)
        spread = getattr(package, "spread", 1.0)
        verify_in_fresh_process(tracker, uri, examples, package.predict(examples), spread)
        tracker.log_metrics(best.run_id, measure_speed(package.predict, examples))
    tags = {
        "thaw.arm": candidate.key,
        "thaw.strategy": str(best.strategy),
        "thaw.test_digest": test.digest,
        PROFILE: config.profile,
        config.evaluation.primary: f"{best.metrics[config.evaluation.primary]:.4f}",
    }
    if candidate.classical:
        tags |= {"thaw.strategy": best.name, CLASSICAL: "true"}
    about = f"{config.title}\n\nThe alias `champion` names the version that `thaw predict` asks."
    model_tags = {"thaw.case": config.case, "thaw.task": config.task}
    return tracker.create_version(name, uri, best.run_id, model_id, tags, about, model_tags)


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
    """Log the package, with the code that it needs, as a pyfunc under the arm's run.

    Returns:
        Its URI and logged-model id.
    """
    with tempfile.TemporaryDirectory(prefix="thaw-code-") as scratch:
        code = way.bring_code(Path(scratch))
        return tracker.log_pyfunc(
            best.run_id,
            name="model",
            python_model=str(code / way.file),
            artifacts={"package": str(package)},
            code_paths=[str(code)],
            pip_requirements=way.requirements,
            # With an example MLflow infers the signature from the type hints of the packaged file;
            # the values given here become the parameters' defaults.
            **({} if way.any_rows else {"input_example": (examples, way.params)}),
            params_alone=way.params if way.any_rows else None,
        )
