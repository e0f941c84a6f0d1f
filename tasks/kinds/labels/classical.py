"""TF-IDF with logistic regression as a package."""

from tasks.config import LabelsCase
from tasks.errors import ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.labels.classical_package import ClassicalInfo, ClassicalPackage
from tasks.kinds.labels.references import fit
from tasks.kinds.words import words_key
from tasks.training.arms import ArmSpec


def classical_package(reference: Outcome, config: LabelsCase, spec: ArmSpec) -> ClassicalPackage:
    """The reference fitted once more: it has no random order, and of its run figures were kept.

    Raises:
        ThawError: nothing was fitted.
    """
    words = fit(reference.name, config, spec).words
    if words is None:
        raise ThawError(f"{reference.name} is no model that can be packaged.")
    info = ClassicalInfo(
        case=config.case,
        name=reference.name,
        data=config.data.without_source(),
        arm_key=words_key(config, spec),
        task=config.task,
        labels=spec.labels,
        thresholds=reference.thresholds,
    )
    return ClassicalPackage(info, words)
