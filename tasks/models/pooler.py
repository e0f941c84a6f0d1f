"""The layer that a base model was pretrained to read its first token by: BERT's pooler."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from transformers import AutoModel

from tasks.errors import RequestError, ThawError
from tasks.models.base_models import LocatedModel
from tasks.models.one_at_a_time import one_at_a_time

USE_ANOTHER = "use model.head=tanh, the same layers from nothing, or model.head=linear"


@lru_cache(maxsize=2)
@one_at_a_time
def pooler_layer(located: LocatedModel) -> tuple[Tensor, Tensor]:
    """Weight (width, width) and bias (width,) of the pretrained layer before the pooler's tanh.

    Raises:
        RequestError: the base model has no such pooler, or came without its weights.
        ThawError: the weights cannot be read.
    """
    try:
        model, loading = AutoModel.from_pretrained(
            located.folder, dtype=torch.float32, output_loading_info=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ThawError(f"The weights of {located.origin} cannot be loaded: {error}") from error
    pooler = getattr(model, "pooler", None)
    layer, activation = getattr(pooler, "dense", None), getattr(pooler, "activation", None)
    if not isinstance(layer, nn.Linear) or not isinstance(activation, nn.Tanh):
        raise RequestError(
            f"model.head=pooler reads BERT's pooler, and {located.origin} has none: {USE_ANOTHER}."
        )
    if lacking := [name for name in loading["missing_keys"] if name.startswith("pooler.")]:
        raise RequestError(
            f"model.head=pooler needs a pretrained pooler, and the weights of {located.origin} "
            f"lack {sorted(lacking)[0]}: {USE_ANOTHER}."
        )
    return layer.weight.detach().clone(), layer.bias.detach().clone()
