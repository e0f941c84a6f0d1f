"""Whether a folder's weights are those of the model that its configuration makes.

transformers fills weights that are missing with random numbers, and drops those for which the
model has no place; of both it only warns. What may lack, and what may be dropped, is decided by
what the model does with them, not by their names.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.models.anatomy import anatomy_of
from tasks.models.tracing import decodes_too

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


def misfit(
    model: PreTrainedModel, loading: Mapping[str, Any], folder: Path, whole: bool = False
) -> str | None:
    """What of a model was not in its folder's files, or of these files is not in the model.

    Args:
        model: as transformers loaded it.
        loading: what it says about that (`output_loading_info`).
        folder: with the files.
        whole: its output layer has to be there too; otherwise what a classifier reads is enough,
            which is neither a pooler nor a decoder behind an encoder.

    Returns:
        A part of a sentence; None where they fit.
    """
    missing = sorted(loading["missing_keys"])
    if missing and not whole:
        missing = [name for name in missing if name in _read(model)]
    if missing:
        renamed = [name for name in loading["unexpected_keys"] if name.endswith(f".{missing[0]}")]
        there = (
            f". It is there as {renamed[0]}: save the model that stands in the wrapper"
            if renamed
            else ""
        )
        return f"{len(missing)} are missing, {missing[0]} among them{there}"
    lost = [name for name in unplaced(model, loading, folder, whole) if _in_list(model, name)]
    if not lost:
        return None
    blocks, held = _blocks(model.base_model, lost)
    if held > blocks:
        return (
            f"they hold {held} blocks, and its config.json describes a model of {blocks}: write "
            "there how many blocks it has"
        )
    return (
        f"its config.json describes a model whose blocks have no place for {len(lost)} of them, "
        f"{lost[0]} among them: put the config.json there with which they were saved"
    )


def unplaced(
    model: PreTrainedModel, loading: Mapping[str, Any], folder: Path, whole: bool = False
) -> list[str]:
    """Learned weights of a folder's files that belong to a part of the model and have no place.

    Outside the blocks a maker may have left some that its library does not read either (DeBERTa-v3
    keeps a second table of words), so that they are said and no reason to refuse.
    """
    dropped = [name for name in sorted(loading["unexpected_keys"]) if _inside(model, name, whole)]
    return _learned(dropped, folder)


def _in_list(model: PreTrainedModel, name: str) -> bool:
    lists = [
        path for path, each in model.base_model.named_modules() if isinstance(each, nn.ModuleList)
    ]
    return any(re.search(rf"(^|\.){re.escape(path)}\.\d+\.", name) for path in lists)


def _blocks(base: PreTrainedModel, names: list[str]) -> tuple[int, int]:
    """Of a list that weights of such names go beyond: its length, and theirs; zeros where none."""
    for path, module in base.named_modules():
        if isinstance(module, nn.ModuleList):
            numbered = (re.search(rf"(^|\.){re.escape(path)}\.(\d+)\.", name) for name in names)
            held = max((int(found[2]) + 1 for found in numbered if found), default=0)
            if held > len(module):
                return len(module), held
    return 0, 0


def _read(model: PreTrainedModel) -> set[str]:
    """Names of the weights that a classifier reads."""
    base: PreTrainedModel = model.base_model
    part = base.get_encoder() if decodes_too(base) else base
    unread = anatomy_of(part).unread
    read = {id(value) for name, value in _state(part).items() if name not in unread}
    return {name for name, value in _state(model).items() if id(value) in read}


def _state(model: PreTrainedModel) -> dict[str, Tensor]:
    return dict(model.state_dict(keep_vars=True))


def _inside(model: PreTrainedModel, name: str, whole: bool) -> bool:
    """Whether a dropped weight belongs to a part that the model has.

    What stands beside all its parts is the head of a pretraining. What the model computes by
    itself (positions, rotary angles) is none of its weights.
    """
    base: PreTrainedModel = model.base_model
    inner = name.removeprefix(f"{model.base_model_prefix}.")
    if {name, inner} & {each for part in (model, base) for each, _ in part.named_buffers()}:
        return False
    part = inner.partition(".")[0]
    if decodes_too(base) and not whole:
        return part == "encoder"
    return part in dict(base.named_children()) or (base is not model and _is_head(model, name))


def _is_head(model: PreTrainedModel, name: str) -> bool:
    part = name.partition(".")[0]
    return part != model.base_model_prefix and part in dict(model.named_children())


def _learned(names: list[str], folder: Path) -> list[str]:
    """Those of the names whose weights were learned.

    Constants that older versions saved (masks, angles) are whole numbers, single ones, or the same
    in every block.
    """
    if not names:
        return []
    alike: defaultdict[str, list[Tensor]] = defaultdict(list)
    found = dict(_tensors(folder, names))
    for name, value in found.items():
        alike[_NUMBER.sub("*", name)].append(value)

    def constant(name: str) -> bool:
        if (value := found.get(name)) is None:
            return False
        others = alike[_NUMBER.sub("*", name)]
        same = len(others) > 1 and all(torch.equal(value, other) for other in others)
        return same or value.numel() == 1 or not value.is_floating_point()

    return [name for name in names if not constant(name)]


def _tensors(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
    """Of a folder's files, the tensors of those names."""
    wanted = set(names)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in wanted.intersection(tensors.keys()):
                yield name, tensors.get_tensor(name)
    for file in sorted(folder.glob("pytorch_model*.bin")):
        state = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
        yield from ((name, state[name]) for name in wanted & state.keys())
