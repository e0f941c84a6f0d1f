"""A Trainer whose validation is measured by the arm itself, over the whole part at once."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerControl

from tasks.training.trainer import ArmTrainer


class MeasuredTrainer(ArmTrainer):
    """An arm's Trainer whose validation figures are what `measure` says.

    Trainer's own loss is a mean of the batches' means, in which an example weighs more the fewer
    others its batch has; and it passes every batch through the model, even where examples share
    their texts.
    """

    measure: Callable[[], dict[str, float]]
    """Figures of the validation part as the model stands, `loss` among them."""
    control: TrainerControl

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the validation part, log it and tell the callbacks, as Trainer's does."""
        metrics = {f"eval_{name}": value for name, value in self.measure().items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics
