"""The coefficient of the KL penalty: fixed, or steered towards a target."""

from dataclasses import dataclass


@dataclass
class KLControl:
    """beta of `formulas.token_rewards`, which changes after each step where there is a target.

        e = clip(KL / target - 1, -0.2, 0.2)
        beta <- beta (1 + e n / horizon)

    Ziegler et al. 2019, section 2.2, where n is one batch and 1 / horizon its K_beta; n in
    answers, as in TRL, makes the speed independent of the batch's size.

    Attributes:
        coefficient: beta, which a resumed run takes over.
        target: nats an answer; None keeps the coefficient as it is.
        horizon: answers over which the largest error changes beta by a fifth.
    """

    coefficient: float
    target: float | None = None
    horizon: int = 10_000

    def update(self, kl: float, answers: int) -> None:
        """Take note of a step.

        Args:
            kl: mean over its answers of the KL from the reference, summed over tokens, in nats.
            answers: how many there were.
        """
        if self.target is not None:
            error = min(0.2, max(-0.2, kl / self.target - 1))
            self.coefficient *= 1 + error * answers / self.horizon
