"""How questions about pictures are answered."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.base import Fraction, Frozen

Share = Annotated[float, Field(ge=0, lt=1)]

SMALL = "small"
"""What a part is called that is built here and starts from nothing."""


class SmallConfig(Frozen):
    """Sizes of the parts that are built here with random weights (`small`)."""

    image_size: Annotated[int, Field(ge=8)] = 64
    """Pixels of a side to which pictures are scaled."""
    patch_size: Annotated[int, Field(ge=1)] = 8
    """Pixels of a side of a patch."""
    width: Annotated[int, Field(ge=8)] = 96
    """Of the states of both parts."""
    image_blocks: Annotated[int, Field(ge=1)] = 3
    """Transformer blocks of the image encoder."""
    decoder_blocks: Annotated[int, Field(ge=1)] = 3
    """Of the decoder, each with self- and cross-attention."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Of every attention."""

    @model_validator(mode="after")
    def _comes_out_even(self) -> "SmallConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be divided by {self.heads} heads")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size {self.image_size} is no multiple of patch_size {self.patch_size}"
            )
        return self


class DropoutConfig(Frozen):
    """Shares that training leaves out, anew in each step."""

    text: Share = 0.0
    """Of the text encoder's features."""
    image: Share = 0.0
    """Of the image encoder's: few pictures with many questions each are soon remembered."""
    fused: Share = 0.0
    """Of what the decoder attends to."""


class VqaConfig(Frozen):
    """Three models joined by cross-attention (`tasks/kinds/pictures/model`), and what they read."""

    text_encoder: str = "minilm"
    """Reads the question: a name of `conf/base_models.yaml`, a hub id or a folder. The decoder is
    `model.base`: the same, or `small`, a GPT-2 of the training answers' words, built here."""
    image_encoder: str = SMALL
    """Reads the picture: the same, or `small`, a vision transformer built here and trained from
    nothing."""
    small: SmallConfig = SmallConfig()
    """Sizes of what is built here."""
    image_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Height and width in pixels to which whole pictures are scaled for a pretrained image encoder
    (default: as its checkpoint prepares them, which often cuts off their sides)."""
    fusion: Literal["sequence", "mean", "product"] = "sequence"
    """What the decoder attends to: every token and patch, their mean (the chapter's one token), or
    the question's mean times one plus the picture's (for few questions)."""
    dropout: DropoutConfig = DropoutConfig()
    """What training leaves out between the three models; each model has its own besides."""
    sees: Literal["both", "question", "image"] = "both"
    """What the decoder sees of the two; the other's features are zero (two of the baselines)."""
    batches: Literal["questions", "images"] = "questions"
    """`questions`: in random order, as in the chapter; `images`: the questions about a picture go
    into one batch, so that an encoder that trains reads it once for all of them. That needs large
    batches: a step that has seen few pictures teaches little about pictures."""
    max_question: Annotated[int, Field(ge=4)] = 32
    """Most tokens of a question; longer ones are cut and counted."""
    max_answer: Annotated[int, Field(ge=2)] = 8
    """Most tokens of an answer, its end token included."""
    consensus: Fraction | None = None
    """Share of the annotators who have to agree on an answer for it to be learned from; the test
    part keeps every question (none: learn from all)."""
    parts: tuple[str, ...] = ()
    """Parts of the data that are used, by name: `train2014` (default: all with annotations)."""
    test_part: str | None = None
    """The part that is the test part (default: of several parts the one whose name begins with
    `val` or `test`; else it is cut by its share)."""
    shared_images: Literal["resplit", "refuse"] = "resplit"
    """What is done where the test part shares pictures with others: split all anew by picture, or
    end the run."""
    max_images: Annotated[int, Field(ge=1)] | None = None
    """Take a seeded sample of this many pictures."""
    max_questions: Annotated[int, Field(ge=1)] | None = None
    """Take at most this many questions a picture."""
    on_unmatched: Literal["raise", "skip"] = "raise"
    """What a question without annotation, or an annotation without question, does: end the run, or
    be left out and counted."""
    unusable_images: Fraction = 0.05
    """Share of the pictures that may be missing or damaged; they are left out and counted."""
    scenes: Annotated[int, Field(ge=10)] = 2500
    """Pictures that `data.sample=scenes` draws."""
    scene_questions: Annotated[int, Field(ge=1, le=15)] = 6
    """Questions about each."""

    @model_validator(mode="after")
    def _has_one_size(self) -> "VqaConfig":
        if self.image_size is not None and self.image_encoder == SMALL:
            raise ValueError(
                "image_size is for pretrained image encoders; pictures for the small one are scaled"
                " to vqa.small.image_size"
            )
        return self
