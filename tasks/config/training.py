"""The model, and how each arm is trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tasks.config.base import Fraction, Frozen
from tasks.config.extra import check_extra_names


class ModelConfig(Frozen):
    """The base model and what is put on top of it."""

    base: str
    """A name from `conf/base_models.yaml`, a hub id, or a local folder."""
    pooling: Literal["cls", "mean", "last", "first"] | None = None
    """What the head reads; the default is the base model's own (see base_models.yaml)."""
    head: Literal["linear", "dense", "tanh", "pooler", "tokens"] = "linear"
    """`linear`: one layer; `dense`: layer, ReLU, dropout, layer (DistilBERT's); `tanh`: dropout,
    layer, tanh, dropout, layer (RoBERTa's); `pooler`: the base model's own pretrained layer with
    tanh, dropout, layer (BERT's); `tokens`: the decoder's own output rows of each label's token, so
    that it answers a prompt."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout before the head's last layer."""
    backbone_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Dropout inside the base model (default: as the base model was configured)."""
    max_length: Annotated[int, Field(ge=4)] = 128
    """Tokens per text; what is longer is cut and counted."""
    prompt_end: str = ""
    """Stands after every text and is never cut off: a decoder answers behind it."""
    prompt_text: str = ""
    """Words that a soft prompt (`prompt_<n>`) starts as, repeated or cut to its length; by default
    it starts as words that the seed draws."""


class TrainingConfig(Frozen):
    """How each arm is trained. Anything else of TrainingArguments goes under `extra`."""

    backend: Literal["local", "hosted"] = "local"
    """`hosted` adds one arm to the local ones: a model at a server, see `hosted`."""
    epochs: Annotated[float, Field(gt=0)] = 3
    """Passes over the training part."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Rows per step."""
    eval_batch_size: Annotated[int, Field(ge=1)] = 64
    """Rows per step outside training."""
    gradient_accumulation: Annotated[int, Field(ge=1)] = 1
    """Steps per update."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    """Peak learning rate of the base model's parameters."""
    head_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate of the head (default: `learning_rate`); in cases about pictures of all
    that is new: projections, cross-attention, and parts built here."""
    prompt_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Peak learning rate of a soft prompt (`prompt_<n>`), which starts as words and has to move
    far; no weight decay pulls at it."""
    lora_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate of LoRA's and DoRA's matrices, of (IA)3's factors and of BitFit's biases
    (`lora_<r>`, `dora_<r>`, `ia3`, `bitfit`), about ten times what suits `full`."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Each block learns at so many times the rate of the one above it, and what lies below the
    blocks at that of one more (ULMFiT took 1/2.6, others .8 to .95). 1: all at one rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decoupled decay, on matrices only."""
    warmup: Fraction = 0.1
    """Share of the updates over which the learning rate rises."""
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """How the learning rate falls after the warm-up."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradient clipping (0: none)."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better validation metric (none: never)."""
    select_by: str = "val/loss"
    """The validation metric that chooses the best arm, and its best epoch (see `keep`)."""
    keep: Literal["best", "last"] = "best"
    """The weights that an arm ends with: those of the epoch that validation finds best, or of the
    last one, where validation has too few rows to tell epochs apart."""
    class_weights: bool = False
    """Weight each label's positives by the inverse of its frequency (square root)."""
    balance: Literal["none", "undersample", "oversample"] = "none"
    """Make all classes of the training part equally frequent: leave out rows of the more frequent
    ones, or repeat rows of the rarer ones (cases with one label a row); validation and test keep
    their natural share."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """`auto`: bf16 where the device has instructions for it; `fp16`: for GPUs without them."""
    padding: Literal["dynamic", "max"] = "dynamic"
    """`dynamic` pads to the longest text of a batch, `max` to `model.max_length`."""
    packing: bool = False
    """Put several examples into one row, none of which sees another (`language.trainer=trl`)."""
    solve_head: bool = True
    """Where nothing but a linear head trains, solve it to its optimum, with a regularisation that
    validation chooses, instead of training it step by step (cases of labels)."""
    start_from_head: bool = False
    """Where more than a linear head trains, let the head start from that optimum instead of at
    random (LP-FT; cases of labels). As a grid of false and true, validation chooses."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training part's rows that is learned from; a smaller one lies within a larger,
    and has each label as often. As a grid (`[0.25,0.5,1]`) it shows what more data would bring."""
    shuffle: bool = True
    """Train on the rows in a new random order in each epoch (false: in their stored order)."""
    trunk: Literal["auto", "on", "off"] = "auto"
    """Run the frozen bottom once per example and train on its stored output. `auto`: wherever
    something is frozen and the store has room; `on`: fail where it cannot be; `off`: never."""
    trunk_limit_gb: Annotated[float, Field(gt=0)] = 8.0
    """Most that all stored hidden states may take on disk; the least recently used go first."""
    evaluations_per_epoch: Annotated[int, Field(ge=1)] = 1
    """How often an epoch is measured, for the curves. The best weights are chosen, and patience is
    counted, by what is measured at its end."""
    training_figures: bool = True
    """Measure training rows, too, wherever validation is measured, for the curves: at most as many
    as validation has, and a seventh of them where there are thousands. Costs a pass over them."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Fields of transformers' TrainingArguments that have no name here, checked by name."""

    @field_validator("backend", mode="before")
    @classmethod
    def _former_name(cls, value: Any) -> Any:
        # Named for the protocol, which many servers speak, and once for the company it came from.
        return "hosted" if value == "openai" else value

    @field_validator("extra")
    @classmethod
    def _works(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_extra_names(value)
        return value

    @field_validator("balance", mode="before")
    @classmethod
    def _former_switch(cls, value: Any) -> Any:
        # It once was on or off, and rows were left out.
        return {True: "undersample", False: "none"}[value] if isinstance(value, bool) else value
