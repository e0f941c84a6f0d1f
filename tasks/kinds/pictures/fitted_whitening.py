"""Fitting `fusion=product`'s whitening to an arm's training pictures."""

import numpy as np
import torch

from tasks.kinds.pictures.inputs import Inputs
from tasks.kinds.pictures.model.model import MultimodalModel

PICTURES = 256
"""Each has as many states as patches, and a covariance needs few times its width of them."""
_AT_ONCE = 16


@torch.no_grad()
def fit_whitening(model: MultimodalModel, inputs: Inputs, seed: int) -> None:
    """Take mean and covariance of the image encoder's states from a seeded sample of pictures.

    Nothing is done for another fusion, or for an arm that sees no picture.

    Args:
        model: before training; it comes back in its mode.
        inputs: where kept states or pictures come from.
        seed: of the sample.
    """
    if model.whitening is None or "image" in inputs.blind_to:
        return
    pictures = np.unique(inputs.asked.parts["train"].pictures)
    chance = np.random.default_rng(seed)
    chosen = np.sort(chance.choice(pictures, min(PICTURES, len(pictures)), replace=False))
    training = model.training
    model.eval()
    found = []
    for start in range(0, len(chosen), _AT_ONCE):
        batch = inputs.pictures(chosen[start : start + _AT_ONCE])
        states = batch.get("image_states")
        if states is None:
            states = model.image_features(batch["pixel_values"].to(model.device)).cpu()
        found.append(states.flatten(0, 1).float())
    model.train(training)
    model.whitening.fit(torch.cat(found))
