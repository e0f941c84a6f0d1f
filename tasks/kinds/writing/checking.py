"""What a writing case cannot do is refused before anything is fetched or trained."""

from tasks.config import WritingCase
from tasks.errors import RequestError
from tasks.evaluation.completions import JUDGED, SCORES
from tasks.kinds.refusing import refuse_without_effect, require_judge

_NO_EFFECT = {
    "training.padding": ("max", "dynamic", "pairs are padded to the longest of their batch"),
    "training.class_weights": (True, "false", "there are no labels"),
    "training.start_from_head": (True, "false", "there are no labels"),
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
    require_judge(config, (*SCORES[config.language.scores], *JUDGED))
    refuse_without_effect(config, _NO_EFFECT)
    if config.language.encoder is not None and config.language.scores != "text":
        raise RequestError(
            f"language.encoder={config.language.encoder} has no effect in {config.case}, whose "
            f"answers are scored as {config.language.scores}: use language.encoder=null, or "
            "language.scores=text."
        )
