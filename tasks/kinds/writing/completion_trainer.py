"""The Trainer of a writing arm: validation losses in which every token weighs the same."""

from tasks.language.row_losses import RowLosses
from tasks.training.trainer import MeasuredTrainer


class CompletionTrainer(MeasuredTrainer):
    """An arm's Trainer whose validation loss is the mean over all tokens of the part.

    The loss of the completion and that of the whole text come from one pass.
    """


def figures_of(losses: RowLosses) -> dict[str, float]:
    """What is measured of the validation part after each epoch."""
    return {
        "loss": losses.loss,
        "token_accuracy": losses.token_accuracy,
        "perplexity": losses.perplexity,
        "whole_text_loss": losses.whole_text_loss,
    }
