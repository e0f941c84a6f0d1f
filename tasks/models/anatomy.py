"""Where a model's blocks are and what lies below and above them: found out, for every family.

Nothing here knows a family by name. The blocks are the largest list of modules; what a model does
with them shows in one reading of a few made-up tokens (`tracing.py`). Freezing and the frozen
trunk need the same few facts about an architecture; they stand here and nowhere else.
"""

import copy
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from tasks.errors import RequestError
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.tracing import Anatomy, UntraceableError, block_list, decodes_too, trace


class OnBackbone(Protocol):
    """A module that stands on a base model: a classifier, or a language model's output layer.

    What freezing and the frozen trunk need of it; every `nn.Module` has all but `backbone`.
    """

    training: bool

    @property
    def backbone(self) -> PreTrainedModel:
        """The base model without what stands on it."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """As `nn.Module` has it."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """As `nn.Module` has it."""
        ...

    def to(self, device: torch.device) -> Any:
        """As `nn.Module` has it."""
        ...

    def eval(self) -> Any:
        """As `nn.Module` has it."""
        ...

    def train(self, mode: bool = True) -> Any:
        """As `nn.Module` has it."""
        ...


_known: weakref.WeakKeyDictionary[nn.Module, Anatomy] = weakref.WeakKeyDictionary()
_traced: dict[tuple[type, str], Anatomy] = {}
_skeletons: dict[tuple[type, str], PreTrainedModel | None] = {}
_lock = threading.Lock()


def anatomy_of(backbone: nn.Module) -> Anatomy:
    """What one reading shows of a model; models of one class and configuration are read once.

    A model once read is not read again, even where a trainer changes its configuration on the way
    (whether it keeps a cache, which token pads).

    Raises:
        RequestError: it cannot be read as a text model is.
    """
    config: PreTrainedConfig = backbone.config
    with _lock:
        if backbone in _known:
            return _known[backbone]
        key = (type(backbone), config.to_json_string())
        if key not in _traced:
            try:
                _traced[key] = trace(backbone)
            except UntraceableError as error:
                raise RequestError(
                    f"Base models of the family {config.model_type!r} cannot be read: {error}; "
                    "name another base model."
                ) from error
        _known[backbone] = _traced[key]
        return _traced[key]


def divided(backbone: nn.Module) -> Anatomy:
    """The anatomy of a model whose blocks can be frozen one by one.

    Raises:
        RequestError: they cannot; says why.
    """
    anatomy = anatomy_of(backbone)
    if anatomy.undivided:
        raise RequestError(
            f"Base models of the family {backbone.config.model_type!r} cannot be frozen block by "  # type: ignore[union-attr]
            f"block: {anatomy.undivided}; use full, head, prompt_<n> or lora_<r>."
        )
    return anatomy


def blocks_of(backbone: nn.Module) -> nn.ModuleList:
    """The model's transformer blocks, bottom first; of an encoder-decoder, its decoder's."""
    return backbone.get_submodule(divided(backbone).blocks)  # type: ignore[return-value]


def frozen_parameters(backbone: nn.Module, frozen_blocks: int) -> list[nn.Parameter]:
    """Those of the bottom `frozen_blocks` blocks and of all that lies below the first block."""
    anatomy = divided(backbone)
    trains = [f"{anatomy.blocks}.{number}." for number in range(frozen_blocks, anatomy.count)]
    return [
        parameter
        for name, parameter in backbone.named_parameters()
        if not name.startswith(tuple(trains)) and name not in anatomy.above
    ]


def unused_parameters(backbone: nn.Module) -> list[nn.Parameter]:
    """Those outside the blocks on which no hidden state depends: they get no gradient."""
    dead = anatomy_of(backbone).dead
    return [value for name, value in backbone.named_parameters() if name in dead]


@one_at_a_time
def skeleton(config: PreTrainedConfig) -> PreTrainedModel | None:
    """The headless model of a configuration on torch's `meta` device: modules without weights.

    None where a configuration has no such model.
    """
    key = (type(config), config.to_json_string())
    if key not in _skeletons:
        try:
            with torch.device("meta"):
                _skeletons[key] = AutoModel.from_config(copy.deepcopy(config))
        except Exception:  # a configuration of anyone's may end in anything
            _skeletons[key] = None
    return _skeletons[key]


LIMITS = ("max_position_embeddings", "max_encoder_position_embeddings", "max_seq_len")
"""What configurations call the most tokens of a text; most have the first, by an alias at least."""


def context_length(config: PreTrainedConfig) -> int | None:
    """Most tokens that a model has positions for; None where it sets no limit.

    A table of positions with a row for padding counts from behind that row (RoBERTa and its
    kin), so that fewer tokens fit than it has rows. A limit below 1 is none (XLNet says -1).
    """
    told = (getattr(config.get_text_config(), name, None) for name in LIMITS)
    declared = next((each for each in told if isinstance(each, int) and each > 0), None)
    if declared is None:
        return None
    model = skeleton(config)
    words = model.get_input_embeddings() if model is not None else None  # may be as many
    rows = [
        declared - module.padding_idx - 1
        for module in (model.modules() if model is not None else ())
        if module is not words
        and isinstance(getattr(module, "padding_idx", None), int)
        and isinstance(table := getattr(module, "weight", None), Tensor)
        and len(table) == declared
    ]
    return min([declared, *rows])


def blocks_in(config: PreTrainedConfig, writes: bool = False) -> int:
    """Blocks that strategies divide.

    Args:
        config: of a base model.
        writes: of an encoder-decoder, those of its decoder; otherwise those of its encoder, which
            is all that a classifier takes of it.
    """
    model = skeleton(config)
    if model is None:
        return int(config.get_text_config().num_hidden_layers)
    part = model if writes or not decodes_too(model) else model.get_encoder()
    return count_blocks(part)


def count_blocks(backbone: nn.Module) -> int:
    """Number of transformer blocks."""
    blocks = block_list(backbone)
    return len(backbone.get_submodule(blocks)) if blocks else 0  # type: ignore[arg-type]
