"""What an arm cost, as the figures `cost/…` of its run."""

from transformers import TrainerState

from tasks.evaluation.outcomes import Outcome
from tasks.training.callbacks import curve_of
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import Freezing
from tasks.training.trunk import Trunk


def costs(
    freezing: Freezing, seconds: float, state: TrainerState, train: EncodedPart, megabytes: float
) -> dict[str, float]:
    """Parameters, seconds, rows and tokens a second, peak memory, epochs.

    Args:
        freezing: what trained.
        seconds: of training alone.
        state: the Trainer's, at the end.
        train: the training part.
        megabytes: peak memory.
    """
    epochs = state.epoch or 0.0
    return {
        "cost/trainable_parameters": float(freezing.trainable),
        "cost/total_parameters": float(freezing.total),
        "cost/trainable_share": freezing.share,
        "cost/train_seconds": seconds,
        "cost/examples_per_second": len(train.ids) * epochs / max(seconds, 1e-9),
        "cost/tokens_per_second": train.tokens * epochs / max(seconds, 1e-9),
        "cost/peak_memory_mb": megabytes,
        "cost/epochs": float(epochs),
        "cost/truncated_texts": float(train.truncated),
    }


def with_costs(
    outcome: Outcome, figures: dict[str, float], trunk: Trunk | str, state: TrainerState
) -> Outcome:
    """The outcome with what training cost, its curve, and why it ran with or without a trunk."""
    return outcome.model_copy(
        update={
            "metrics": outcome.metrics | figures | trunk_costs(trunk),
            "curve": curve_of(state),
            "trunk": trunk if isinstance(trunk, str) else trunk.description,
        }
    )


def trunk_costs(trunk: Trunk | str) -> dict[str, float]:
    """Seconds and size of the stored states; nothing for an arm without a trunk."""
    if isinstance(trunk, str):
        return {}
    return {"cost/trunk_seconds": trunk.seconds, "cost/trunk_megabytes": trunk.bytes / 1e6}
