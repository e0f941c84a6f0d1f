"""TF-IDF with logistic regression as a champion: packaged where no arm is better than it."""

import hashlib
import json

from tasks.config import LabelsCase
from tasks.errors import ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.labels.references import fit
from tasks.kinds.texts import usable_of
from tasks.kinds.values import Compared, Rows, Start
from tasks.registry.card import data_line
from tasks.registry.classical import ClassicalInfo, ClassicalPackage
from tasks.training.arms import ArmSpec


def classical_key(config: LabelsCase, spec: ArmSpec) -> str:
    """What it was fitted to and chosen by: the same of the same comes to the same model."""
    made = [
        spec.train.digest,
        spec.validation.digest,
        spec.labels,
        config.task,
        config.evaluation.baseline_c,
        config.training.select_by,
        config.data.without_source().model_dump(mode="json"),
    ]
    return "words-" + hashlib.sha256(json.dumps(made).encode()).hexdigest()[:24]


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
        arm_key=classical_key(config, spec),
        task=config.task,
        labels=spec.labels,
        thresholds=reference.thresholds,
    )
    return ClassicalPackage(info, words)


def classical_card(
    reference: Outcome, compared: Compared[Start[LabelsCase], Rows]
) -> dict[str, str]:
    """The sections that tell what it is."""
    config, spec = compared.start.config, compared.arms.specs[0]
    metric, best = config.training.select_by, compared.arms.best
    return {
        "Model": f"{reference.name}, no transformer: words and pairs of words, with "
        f"{reference.metrics['cost/trainable_parameters']:,.0f} numbers fitted in "
        f"{reference.metrics['cost/train_seconds']:.1f} seconds. It knows no word that the "
        "training part lacks, and is no start for further training.",
        "Data": data_line(config, spec, usable_of(compared.rows)),
        "Selection": f"The strongest reference by `{metric}` = {reference.metrics[metric]:.4f}. It "
        f"stands here because {best.name}, the best trained arm, was not shown to be better.",
        "Limits": "Probabilities are not calibrated. The figures hold for texts like those of the "
        "data above; nothing was measured on others.",
    }
