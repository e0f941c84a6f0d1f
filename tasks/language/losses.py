"""The loss on completions: only where something is learnt, and in bounded memory.

A vocabulary of 49,152 makes 200 KB of float32 logits a position. So the output layer runs at
supervised positions alone, and over a few hundred of them at a time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tasks.language.pairs import IGNORED

POSITIONS_AT_ONCE = 512  # 100 MB of float32 logits over 49,152 tokens

Collate = Callable[[list[dict[str, Any]]], dict[str, Tensor]]


def supervised(hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The states that predict a label, and those labels.

    Position t predicts the token at t + 1.

    Args:
        hidden: (batch, tokens, width).
        labels: (batch, tokens), `IGNORED` where nothing is learnt.

    Returns:
        (positions, width) and (positions,).
    """
    targets = labels[:, 1:]
    chosen = targets != IGNORED
    return hidden[:, :-1][chosen], targets[chosen]


def cross_entropies(
    states: Tensor, targets: Tensor, head: nn.Module, at_once: int = POSITIONS_AT_ONCE
) -> Tensor:
    """-log softmax(head(state))[target] of each position: (positions,) in float32.

    Args:
        states: (positions, width).
        targets: (positions,) of token ids.
        head: the output layer, width -> vocabulary.
        at_once: positions whose logits exist at one time. Where gradients are wanted each such
            block is computed once more on the way back instead of being kept.
    """

    def block(states: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(head(states).float(), targets, reduction="none")

    if len(states) <= at_once:
        return block(states, targets)
    blocks = zip(states.split(at_once), targets.split(at_once), strict=True)
    if torch.is_grad_enabled():
        return torch.cat([checkpoint(block, *pair, use_reentrant=False) for pair in blocks])
    return torch.cat([block(*pair) for pair in blocks])


def row_nats(hidden: Tensor, labels: Tensor, head: nn.Module) -> Tensor:
    """The summed cross-entropy of each row's supervised tokens: (batch,) in float32.

    Args:
        hidden: (batch, tokens, width), after the final norm.
        labels: (batch, tokens).
        head: the output layer.
    """
    losses = cross_entropies(*supervised(hidden, labels), head)
    rows = (labels[:, 1:] != IGNORED).nonzero()[:, 0]
    return losses.new_zeros(len(labels)).index_add(0, rows, losses)
