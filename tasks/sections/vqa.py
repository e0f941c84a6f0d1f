"""How questions about pictures are answered."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.sections.base import Fraction, Frozen


class VqaConfig(Frozen):
    """Three models joined by cross-attention (`tasks/models/multimodal`), and what they read."""

    text_encoder: str = "minilm"
    """Reads the question: a name of `conf/base_models.yaml`, a hub id or a folder. The decoder is
    `model.base`."""
    image_encoder: str = "small"
    """Reads the picture: the same, or `small`, a vision transformer built here and trained from
    nothing."""
    fusion: Literal["sequence", "mean"] = "sequence"
    """What the decoder attends to: every token and patch, or their mean (the chapter's one
    token)."""
    max_answer: Annotated[int, Field(ge=2)] = 8
    """Most tokens of an answer, its end token included."""
    consensus: Fraction | None = None
    """Share of the annotators who have to agree on an answer for it to be learned from; the test
    part keeps every question (none: learn from all)."""
    max_images: Annotated[int, Field(ge=1)] | None = None
    """Take a seeded sample of this many pictures."""
    max_questions: Annotated[int, Field(ge=1)] | None = None
    """Take at most this many questions a picture."""
    shared_images: Literal["resplit", "refuse"] = "resplit"
    """What is done where two parts of the data share pictures: split anew by picture, or end the
    run."""
    store_gb: Annotated[float, Field(gt=0)] = 4.0
    """Most that the stored output of frozen encoders may take."""
