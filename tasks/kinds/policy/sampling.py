"""Drawing answers token by token; a row that has ended is no longer computed.

Pure sampling from the policy's own distribution: every token allowed, at the temperature that its
probabilities are taken at too. PPO weighs each token by its probability now over its probability
when it was drawn, so that whatever else shapes the draw (beams, top-k, a least length, a ban on
repetition, all of them in the chapters) makes the answers those of another policy: the KL estimate
then goes negative, and what is learnt is not what is written.
"""

from typing import Protocol

import torch
from torch import Tensor

from tasks.errors import DivergedError
from tasks.kinds.policy.tokens import Answers, Prompts


class Stepper(Protocol):
    """Rows that are being written, with their cache."""

    def step(self, tokens: Tensor | None) -> Tensor:
        """Read what was drawn last, (rows,), or at first None; logits of (rows, vocabulary)."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        ...

    def with_states(self, prompts: Prompts, answers: Answers) -> tuple[Prompts, Answers]:
        """What was read and written, with the states of it that were kept on the way, if any."""
        ...


def draw(
    stepper: Stepper,
    rows: int,
    most: int,
    end: int,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> list[list[int]]:
    """The tokens of each row, up to and with its end token.

    Args:
        stepper: at its first step.
        rows: how many it has.
        most: tokens after which a row is cut.
        end: the end token.
        generator: on the logits' device; the draws depend on it alone.
        temperature: what the logits are divided by.

    Raises:
        DivergedError: an update has broken the policy.
    """
    written: list[list[int]] = [[] for _ in range(rows)]
    going = list(range(rows))  # those that still write, in the order of the tensors
    drawn: Tensor | None = None
    for _ in range(most):
        chances = torch.softmax(stepper.step(drawn).float() / temperature, -1)
        if not torch.isfinite(chances).all():
            raise DivergedError(
                "The policy's probabilities are not numbers any more: lower rl.learning_rate or "
                "set rl.precision=fp32."
            )
        drawn = torch.multinomial(chances, 1, generator=generator).squeeze(1)
        for row, token in zip(going, drawn.tolist(), strict=True):
            written[row].append(token)
        places = [place for place, row in enumerate(going) if written[row][-1] != end]
        if not places:
            break
        if len(places) < len(going):
            kept = torch.tensor(places, device=drawn.device)
            stepper.keep(kept)
            drawn = drawn[kept]
            going = [going[place] for place in places]
    return written
