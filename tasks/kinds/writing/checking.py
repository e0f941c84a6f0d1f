"""What a writing case cannot do is refused before anything is fetched or trained."""

from tasks.config import WritingCase
from tasks.errors import RequestError
from tasks.evaluation.completions import JUDGED, SCORES

_NO_EFFECT = {
    "training.padding": ("max", "dynamic", "pairs are padded to the longest of their batch"),
    "training.balance": (True, "false", "there are no classes"),
    "training.class_weights": (True, "false", "there are no labels"),
}


def check_writing(config: WritingCase) -> None:
    """Refuse fields that mean nothing where a model writes.

    Raises:
        RequestError: the first of them.
    """
    if config.training.backend != "local":
        raise RequestError(
            f"training.backend={config.training.backend} is for cases with one label a row: "
            f"{config.case} trains here, with training.backend=local."
        )
    judges = (*SCORES[config.language.scores], *JUDGED)
    if config.registry.enabled and config.evaluation.primary.removeprefix("test/") not in judges:
        known = ", ".join(f"test/{name}" for name in judges)
        raise RequestError(
            f"evaluation.primary={config.evaluation.primary} cannot decide which model stands: use "
            f"one of {known}, or set registry.enabled=false."
        )
    for field, (value, instead, reason) in _NO_EFFECT.items():
        if getattr(config.training, field.partition(".")[2]) == value:
            raise RequestError(
                f"{field}={str(value).lower()} has no effect in {config.case}, since {reason}: "
                f"use {instead}."
            )
