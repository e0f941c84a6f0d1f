"""TRL's SFTTrainer as an arm's Trainer: the same rows, loss, checkpoints and callbacks.

What it brings is packing: several examples in one row, without padding. TRL gives such a row
positions that begin at 0 with each example and no attention mask, and the masks that transformers
derives from them let no token see another example: under eager and SDPA attention as a block
diagonal, under flash attention by lengths (`tests/language/test_sft.py` holds the loss of packed
rows against that of single ones). A dense mask is computed in full, though: the attention of a
packed row costs its length squared, so that packing saves padding and, without flash attention,
pays for it.

It trains the whole model from token ids. An arm whose frozen part is stored
(`tasks/training/trunk.py`) has no token ids left to give it, and trains as every completion arm
does; both minimise the same mean over completion tokens.
"""

from typing import Any

import numpy as np
import trl
from datasets import (
    Dataset,
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from torch import Tensor, nn
from transformers import PreTrainedModel, TrainingArguments
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import TrainingConfig
from tasks.config.strategies import Strategy
from tasks.errors import RequestError
from tasks.kinds.writing.completion_trainer import CompletionTrainer
from tasks.language.losses import row_nats
from tasks.language.pairs import IGNORED
from tasks.training.device import uses_gpu
from tasks.training.trainer import ArmTrainer, build_trainer

_READ = ("input_ids", "attention_mask", "position_ids")


def build_sft_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    arguments: TrainingArguments,
    config: TrainingConfig,
    strategy: Strategy,
    callbacks: list[Any],
    train: Dataset,
    validation: Dataset,
) -> ArmTrainer:
    """The Trainer of an arm that trains through TRL; its `measure` is still to be set.

    Packed rows hold about as many examples as a batch would, and come one at a time, so that an
    update sees as many with packing as without.

    Args:
        model: a causal language model, with its output layer.
        tokenizer: whose pad token is not its end token.
        arguments: the arm's.
        config: the arm's training configuration.
        strategy: the arm's.
        callbacks: the arm's.
        train, validation: `input_ids`, `labels` and `length`, none longer than the context.

    Raises:
        RequestError: several GPUs are visible to this one process.
    """
    if arguments.n_gpu > 1:
        raise RequestError(
            f"TRL's SFTTrainer takes one GPU a process, and {arguments.n_gpu} are visible: set "
            "CUDA_VISIBLE_DEVICES to one of them, or language.trainer=thaw."
        )
    fields = arguments.to_dict() | {
        "hub_token": None,  # to_dict() writes a placeholder
        "max_length": None,
        "packing": config.packing,
        # The rows are token ids with their labels already; nothing may be cut or tokenised anew.
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }
    if config.packing:
        train = pack(train, pack_length(train, config.batch_size))
        fields |= {"per_device_train_batch_size": 1}
        if config.shuffle:
            fields |= {"train_sampling_strategy": "random"}  # packed rows are equally long
    return build_trainer(
        model,
        trl.SFTConfig(**fields),
        config,
        strategy,
        callbacks,
        kind=CompletionSFTTrainer,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
    )


def pack_length(rows: Dataset, batch_size: int) -> int:
    """Tokens of a packed row: those of `batch_size` rows, and no fewer than the longest has."""
    lengths = np.asarray(rows["length"], dtype=np.int64)
    return max(int(lengths.max()), round(float(lengths.mean()) * batch_size))


def pack(rows: Dataset, length: int) -> Dataset:
    """TRL's packing, best fit first: `input_ids`, `labels` and the `seq_lengths` in them.

    No row is cut, since none is longer than `length`.
    """
    quiet = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return trl.pack_dataset(rows.select_columns(["input_ids", "labels"]), length, "bfd")
    finally:
        if not quiet:
            enable_progress_bars()


class CompletionSFTTrainer(CompletionTrainer, trl.SFTTrainer):
    """TRL's trainer with an arm's checkpoints, and validation losses that weigh tokens alike."""

    def __init__(
        self, *given: Any, processing_class: PreTrainedTokenizerBase, **named: Any
    ) -> None:
        super().__init__(*given, processing_class=processing_class, **named)
        self.processing_class = None  # else every checkpoint would hold the tokenizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The mean over completion tokens; TRL's own figure, in half the time of a step on a CPU.

        TRL's output layer leaves prompts and padding out only where there is Triton: elsewhere it
        multiplies every position with the vocabulary. (A step of SmolLM2 on eight rows of the
        sample: 3.6 s of one core through TRL's, 1.7 s through this; packed 2.8 s and 1.5 s.)
        """
        if uses_gpu() or self.accelerator.num_processes > 1:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        plain = self.accelerator.unwrap_model(model)
        given = {name: value for name, value in inputs.items() if name in _READ}
        with self.accelerator.autocast():
            hidden = plain.base_model(**given, use_cache=False)[0]
            nats = row_nats(hidden, inputs["labels"], plain.get_output_embeddings())
        count = num_items_in_batch
        if count is None:
            count = (inputs["labels"][:, 1:] != IGNORED).sum().clamp(min=1)
        return nats.sum() / count

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """TRL would write one into every checkpoint; Thaw writes one for what is registered."""
