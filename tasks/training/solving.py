"""A linear head on frozen vectors, solved to its optimum instead of trained step by step.

What a head on a base model that stays as it is has to minimise is convex:

    mean loss of the training rows + |W|^2 / (2 C rows)

which is scikit-learn's logistic regression with strength C, for labels of both sorts and with the
arm's class weights. It is solved by L-BFGS (Liu and Nocedal 1989, "On the limited memory BFGS
method for large scale optimization") for each of several strengths, each from the solution of the
one before, and validation chooses among them.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from tasks.models.classifier import Head, TextClassifier, pool
from tasks.training.encoding import EncodedPart
from tasks.training.predicting import Collator, predict_logits

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
ROUNDS = 500
"""Most steps of L-BFGS for one strength; a hundred are usual."""


@dataclass(frozen=True)
class Solved:
    """Which strength validation has chosen, how good it is by what chose it, and how often the
    training rows were read on the way."""

    strength: float
    score: float
    passes: int


class _Vectors(nn.Module):
    """What a head is given, where a classifier would give logits."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """Stored vectors as they are; of token ids, what the base model makes of them."""
        if "pooled" in batch:
            return {"logits": batch["pooled"]}
        model = self.module
        assert isinstance(model, TextClassifier)  # noqa: S101 - what else reads token ids
        hidden, mask = model.read(**batch)
        return {"logits": pool(hidden, mask, model.head_config.pooling)}


def vectors_of(module: nn.Module, part: EncodedPart, collate: Collator, size: int) -> Tensor:
    """(n, width), float32 whatever arms beside this one compute in.

    Args:
        module: a whole classifier, or its upper part on stored vectors.
        part: what is read.
        collate: rows to a batch.
        size: rows of a batch.
    """
    return torch.from_numpy(predict_logits(_Vectors(module), part, collate, size))


def solve(head: Head, vectors: Tensor, labels: Tensor, score: Callable[[], float]) -> Solved:
    """Solve the head, and leave it with the weights of the strength that scores best.

    Args:
        head: a linear one; what it holds before says nothing.
        vectors: (n, width) of the training part.
        labels: as `Head.classify` takes them.
        score: of the head as it stands, on validation; more is better, NaN worse than any.

    Returns:
        The choice; of equals, the smaller strength.
    """
    last, training = head[-1], head.training
    assert isinstance(last, nn.Linear)  # noqa: S101 - every head ends in one
    head.eval()  # no dropout, no smoothing: they would move the optimum with every look at it
    vectors, labels = vectors.to(last.weight.device), labels.to(last.weight.device)
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
    found: list[tuple[Solved, dict[str, Tensor]]] = []
    passes = 0
    for strength in STRENGTHS:
        passes += _minimise(head, last, vectors, labels, strength)
        value = score()
        solved = Solved(strength, -np.inf if np.isnan(value) else value, passes)
        found.append((solved, deepcopy(last.state_dict())))
    best, weights = max(found, key=lambda each: each[0].score)
    last.load_state_dict(weights)
    head.train(training)
    return replace(best, passes=passes)


def _minimise(head: Head, last: nn.Linear, vectors: Tensor, labels: Tensor, strength: float) -> int:
    """Solve for one strength; returns how often the rows were read."""
    # Of several labels the head's loss is a mean over them; scikit-learn's is each label's own.
    terms = last.out_features if labels.ndim == 2 else 1
    optimiser = torch.optim.LBFGS(
        [parameter for parameter in last.parameters() if parameter.requires_grad],
        max_iter=ROUNDS,
        tolerance_grad=1e-6,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    passes = 0

    def closure() -> Tensor:
        nonlocal passes
        passes += 1
        optimiser.zero_grad()
        fit = terms * head.classify(vectors, labels)["loss"]
        loss: Tensor = fit + (last.weight**2).sum() / (2 * strength * len(vectors))
        loss.backward()
        return loss

    optimiser.step(closure)
    optimiser.zero_grad()
    return passes
