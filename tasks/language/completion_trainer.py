"""The Trainer of a writing arm: validation losses in which every token weighs the same."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerControl

from tasks.language.row_losses import RowLosses
from tasks.training.trainer import ArmTrainer


class CompletionTrainer(ArmTrainer):
    """An arm's Trainer whose validation loss is the mean over all tokens of the part.

    Trainer's own is a mean of the batches' means, in which a token weighs more the fewer others
    its batch has; and the loss of the completion and that of the whole text come from one pass.
    """

    measure: Callable[[], RowLosses]
    control: TrainerControl

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the validation part, log it and tell the callbacks, as Trainer's does."""
        losses = self.measure()
        metrics = {
            "eval_loss": losses.loss,
            "eval_token_accuracy": losses.token_accuracy,
            "eval_perplexity": losses.perplexity,
            "eval_whole_text_loss": losses.whole_text_loss,
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics
