"""A linear model of words or characters as a champion, where no arm is better."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tasks.config import CaseConfig
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.word_model import Reading
from tasks.kinds.texts import usable_of
from tasks.kinds.values import Compared
from tasks.registry.card import data_line, model_card
from tasks.registry.judging import Candidate
from tasks.registry.packaging import Packaging
from tasks.training.arms import ArmSpec

_READ: Mapping[Reading, str] = {
    "words": "words and pairs of words",
    "characters": "runs of two to four characters",
}


def words_key(config: CaseConfig, spec: ArmSpec, reading: Reading = "words") -> str:
    """What it was fitted to and chosen by: the same of the same comes to the same model."""
    made = [
        *([reading] if reading != "words" else []),
        spec.train.digest,
        spec.validation.digest,
        spec.labels,
        config.task,
        config.evaluation.baseline_c,
        config.training.select_by,
        config.data.without_source().model_dump(mode="json"),
    ]
    return "words-" + hashlib.sha256(json.dumps(made).encode()).hexdigest()[:24]


def why_it_stands(reference: Outcome, compared: Compared[Any, Any]) -> str:
    """Why a reference is registered in an arm's place, for its card."""
    metric, best = compared.config.training.select_by, compared.arms.best
    return (
        f"The strongest reference by `{metric}` = {reference.metrics[metric]:.4f}. It stands here "
        f"because {best.name}, the best trained arm, was not shown to be better."
    )


def words_candidate(
    reference: Outcome,
    compared: Compared[Any, Any],
    packaging: Packaging,
    package: Callable[[], Any],
    sections: Mapping[str, str],
    reading: Reading = "words",
) -> Candidate:
    """It as something that can stand for champion.

    Args:
        reference: its figures.
        compared: the sweep.
        packaging: how MLflow runs the kind's models; what words need besides is added.
        package: fits it once more: it has no random order, and of its run figures were kept.
        sections: what its card says besides, the `Limits` among them.
        reading: what of a text it reads.
    """
    config, spec = compared.config, compared.arms.first[0]
    told = {
        "Model": f"{reference.name}, no transformer: {_READ[reading]}, with "
        f"{reference.metrics['cost/trainable_parameters']:,.0f} numbers fitted in "
        f"{reference.metrics['cost/train_seconds']:.1f} seconds. It knows nothing that the "
        "training part lacks, and is no start for further training.",
        "Data": data_line(config, spec, usable_of(compared.rows)),
        "Selection": why_it_stands(reference, compared),
    }
    card = model_card(config, reference, compared.comparison, compared.run_id, told | {**sections})
    way = replace(
        packaging,
        extra=(*packaging.extra, "scikit-learn", "scipy"),
        libraries=("sklearn.feature_extraction.text",),
    )
    return Candidate(
        reference, words_key(config, spec, reading), package, way, card, classical=True
    )
