"""Visual question answering: three models joined by cross-attention, frozen part by part.

    thaw run vqa
    thaw run vqa -o data.path=FOLDER -o vqa.image_encoder=FOLDER -o strategies=[encoders]
    thaw run vqa -o grid.vqa.fusion=[sequence,mean,product]

A text encoder reads the question, an image encoder the picture, and a decoder that attends to
both writes the answer. The sample is drawn on first use: scenes of coloured shapes, with questions
that one cannot answer without looking.
"""

from typing import Literal

from prefect import flow

from flows.overrides import Overrides, as_mapping
from flows.picture_answering import run_pictures
from flows.steps import SweepResult
from tasks.config.loading import load_case


@flow(name="vqa", flow_run_name="vqa-{profile}", validate_parameters=True)
def vqa(
    profile: Literal["sample", "book"] = "sample",
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen, and the form needs the default
    force: bool = False,
) -> SweepResult:
    """Compare what to freeze of three joined models and register the best arm.

    Args:
        profile: `sample` (scenes that Thaw draws) or `book` (the chapter's models and data).
        overrides: configuration fields to change for this run.
        force: train finished arms anew.
    """
    config = load_case("vqa", profile, as_mapping(overrides))
    return run_pictures(config, force)
