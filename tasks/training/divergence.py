"""Training that has run away: stopped at the first validation that shows it."""

import numpy as np

from tasks.errors import ThawError
from tasks.training.arms import ArmSpec


def refuse_divergence(spec: ArmSpec, values: np.ndarray) -> None:
    """Raise where an output or a loss is not finite; Trainer filters such losses out of its log.

    Raises:
        ThawError: with the learning rate that was too high.
    """
    if not np.isfinite(values).all():
        field = spec.strategy.rate_field
        raise ThawError(
            f"The loss of {spec.title} is not a number any more; lower training.{field} "
            f"(now {getattr(spec.training, field):g}) or set training.precision=fp32."
        )
