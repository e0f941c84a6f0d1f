"""What a case about pictures cannot do is refused before anything is fetched or trained."""

from tasks.config import PicturesCase
from tasks.config.vqa import SMALL
from tasks.errors import RequestError
from tasks.kinds.pictures.evaluating import KINDS
from tasks.kinds.refusing import refuse_without_effect, require_judge
from tasks.models.base_models import context_of, locate

# Field -> what has no effect here, what to set instead, and why.
_NO_EFFECT: dict[str, tuple[object, str, str]] = {
    "training.padding": ("max", "dynamic", "questions are padded to the longest of their batch"),
    "training.class_weights": (True, "false", "there are no labels"),
    "training.start_from_head": (True, "false", "there are no labels"),
    "training.backend": ("hosted", "local", "hosted models are sent texts alone"),
}
_JUDGED = ("vqa_accuracy", "exact_match", *KINDS)
"""What a packaged model's answers alone decide."""


def check_pictures(config: PicturesCase) -> None:
    """Refuse fields that mean nothing where a model answers about pictures, and what cannot be.

    Raises:
        RequestError: the first of them.
    """
    if config.training.layer_decay != 1.0:
        raise RequestError(
            f"training.layer_decay has no effect in {config.case}, whose three models have no "
            "single order of blocks: use 1."
        )
    refuse_without_effect(config, _NO_EFFECT)
    if config.model.backbone_dropout is not None:
        raise RequestError(
            f"model.backbone_dropout has no effect in {config.case}, whose three models keep their "
            "own: set it to null."
        )
    if config.split.rows:
        raise RequestError(
            f"split.rows has no effect in {config.case}, where whole pictures go into a part: use "
            "vqa.max_images and vqa.max_questions."
        )
    for field, value in (
        ("data.split_column", config.data.split_column),
        ("data.time_column", config.data.time_column),
        ("data.group_column", config.data.group_column),
    ):
        if value is not None:
            raise RequestError(
                f"{field} has no effect in {config.case}, where files of questions are the parts: "
                "use vqa.test_part."
            )
    require_judge(config, _JUDGED)
    if config.vqa.sees != "both" and config.registry.enabled:
        raise RequestError(
            f"vqa.sees={config.vqa.sees} makes a model that sees half of what it is asked, which "
            "is a baseline: set registry.enabled=false, or vqa.sees=both."
        )


def check_decoder(config: PicturesCase) -> None:
    """Refuse answers that the decoder has no positions for; a decoder not here is fetched.

    Raises:
        RequestError: with how many there are.
    """
    if config.model.base != SMALL:
        positions = context_of(locate(config.model.base))
        if positions is not None and config.vqa.max_answer >= positions:
            raise RequestError(
                f"vqa.max_answer={config.vqa.max_answer} does not fit into the {positions} "
                f"positions of {config.model.base}, the begin token included."
            )
