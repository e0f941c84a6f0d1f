"""One reading of a few made-up tokens, and what it shows of a model's architecture.

The model's own forward runs with hooks on its modules. Which modules run before the first block,
which parameters are used behind the last one, which are not used at all, in what form the states
pass from block to block: all of it is seen, and no family is known by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.positions import takes

BATCH, TOKENS = 2, 7
"""Texts and tokens of the reading: unequal and unlike any width, so that axes tell apart."""


class UntraceableError(Exception):
    """A model that cannot be read as a text model is; the message says why."""


@dataclass(frozen=True)
class Anatomy:
    """What a reading shows of a headless model.

    Attributes:
        blocks: path of the list of blocks.
        count: how many there are.
        undivided: why they cannot be frozen one by one; None where they can.
        above: names of the parameters that are used behind the last block (a final norm).
        dead: names of the parameters outside the blocks that get no gradient from the last hidden
            states.
        unread: those of them in modules that give nothing to the last hidden states either: they
            run behind the last block, or never, or on states (a pooler). The others are constants
            that are looked up (sinusoidal positions).
        width: of the last hidden states.
        inner: width of the states between blocks.
        layout: which axis of the states between blocks holds the texts, the tokens, the width.
        slot: where a block takes them: the position of the argument, or its name.
        extras: how many outputs a block gives beside the states; None: the states alone, in no
            tuple.
        tables: paths of embedding tables outside the blocks that are looked up once a token.
        dropouts: paths of dropout layers that run before the first block alone.
    """

    blocks: str
    count: int
    undivided: str | None
    above: frozenset[str]
    dead: frozenset[str]
    unread: frozenset[str]
    width: int
    inner: int = 0
    layout: tuple[int, int, int] = (0, 1, 2)
    slot: int | str = 0
    extras: int | None = None
    tables: tuple[str, ...] = ()
    dropouts: tuple[str, ...] = ()


def decodes_too(model: nn.Module) -> bool:
    """Whether the model is an encoder with a decoder of its own.

    Not by its configuration: the encoder of a T5 that was saved alone says that it is none.
    """
    return hasattr(model, "decoder") and takes(model, "decoder_input_ids")


def block_list(model: nn.Module) -> str | None:
    """The path of the blocks: the list of modules with most parameters that lies in no other.

    Of an encoder-decoder, its decoder's.
    """
    within = "decoder." if decodes_too(model) else ""
    lists = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) and path.startswith(within)
    }
    outer = {
        path: sum(value.numel() for value in module.parameters())
        for path, module in lists.items()
        if not any(path.startswith(f"{other}.") for other in lists)
    }
    return max(outer, key=lambda path: outer[path], default=None)


def states_slot(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | str | None:
    """Where a block's arguments hold the hidden states: the first of three dimensions."""
    given: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    for place, value in given:
        if isinstance(value, Tensor) and value.ndim == 3 and value.is_floating_point():
            return place
    return None


def states_in(output: Any) -> Tensor:
    """A block's hidden states in what it gives."""
    return output[0] if isinstance(output, tuple | list) else output


def probe(model: nn.Module) -> dict[str, Tensor]:
    """Made-up token ids as a model takes them."""
    table: nn.Embedding = model.get_input_embeddings()  # type: ignore[operator]
    ids = torch.arange(BATCH * TOKENS).view(BATCH, TOKENS) + 5
    ids = (ids % table.weight.shape[0]).to(table.weight.device)
    return {"input_ids": ids, **({"decoder_input_ids": ids} if decodes_too(model) else {})}


def trace(model: nn.Module) -> Anatomy:
    """Read the probe and note what happens; the model stays as it is.

    Raises:
        UntraceableError: it cannot read token ids, or nothing in it looks like blocks.
    """
    if not _reads_words(model):
        raise UntraceableError("it has no table of words, so that it reads no text")
    path = block_list(model)
    if path is None:
        raise UntraceableError("it has no list of blocks")
    notes = _Notes(model, path)
    with _as_read(model):
        try:
            reached = notes.read()
            behind = set() if notes.undivided else notes.read(cut=True) - notes.below
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise UntraceableError(f"its forward pass ends with {lines[0][:200]!r}") from error
    inside = f"{path}."
    outside = {n: id(p) for n, p in model.named_parameters() if not n.startswith(inside)}
    dead = frozenset(name for name, number in outside.items() if number not in reached)
    return Anatomy(
        blocks=path,
        count=len(notes.blocks),
        above=frozenset(name for name, number in outside.items() if number in behind),
        dead=dead,
        unread=frozenset(name for name in dead if not notes.gives(name.rpartition(".")[0])),
        **notes.facts(),
    )


def _reads_words(model: nn.Module) -> bool:
    try:
        return isinstance(model.get_input_embeddings().weight, Tensor)  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return False


class _Notes:
    """What hooks see while the probe is read."""

    def __init__(self, model: nn.Module, path: str) -> None:
        self.model = model
        blocks: nn.ModuleList = model.get_submodule(path)  # type: ignore[assignment]
        self.blocks = list(blocks)
        self.runs: list[int] = []
        self.called: dict[str, int] = {}
        """Modules outside the blocks that run before the last one ends, and how many had begun."""
        self.on_states: set[str] = set()
        """Modules outside the blocks that are given what depends on a parameter."""
        self.ended = False
        self.before: set[str] = set()
        self.later: set[str] = set()
        self.tables: list[str] = []
        self.slot: int | str | None = None
        self.shape: torch.Size | None = None
        self.below: set[int] = set()
        self.extras: int | None = None
        self.width = 0
        self.path = path

    def read(self, cut: bool = False) -> set[int]:
        """The parameters on which the last hidden states depend, by their identity.

        Args:
            cut: hold the last block's output for a constant, so that those behind it are left.
        """
        self.runs.clear()
        self.ended = False
        hooks = []
        inside = f"{self.path}."
        for name, module in self.model.named_modules():
            if name and not name.startswith(inside):
                hooks.append(module.register_forward_pre_hook(self._calls(name), with_kwargs=True))
                if not list(module.children()):
                    hooks.append(
                        module.register_forward_pre_hook(self._outside(name), with_kwargs=True)
                    )
        for number, block in enumerate(self.blocks):
            hooks.append(block.register_forward_pre_hook(self._enters(number), with_kwargs=True))
            if number == len(self.blocks) - 1:
                hooks.append(block.register_forward_hook(self._leaves(cut)))
        try:
            last: Tensor = self.model(**probe(self.model))[0]
        finally:
            for hook in hooks:
                hook.remove()
        if last.ndim != 3 or last.shape[0] != BATCH:
            raise ValueError(f"hidden states of the shape {tuple(last.shape)}")
        self.width = last.shape[-1]
        return _leaves_of(last)

    def _calls(self, name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if not self.ended:
                self.called.setdefault(name, len(self.runs))
            given = (*args, *kwargs.values())
            if any(isinstance(each, Tensor) and each.requires_grad for each in given):
                self.on_states.add(name)

        return hook

    def _outside(self, name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            (self.later if self.runs else self.before).add(name)
            given = next((v for v in [*args, *kwargs.values()] if isinstance(v, Tensor)), None)
            if isinstance(module, nn.Embedding) and given is not None and not self.runs:
                a_row_each = given.ndim == 2 and given.shape[0] in (1, BATCH)
                if a_row_each and given.shape[1] != given.shape[0] and name not in self.tables:
                    self.tables.append(name)

        return hook

    def _enters(self, number: int) -> Any:
        def hook(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self.runs.append(number)
            slot = states_slot(args, kwargs)
            if slot is not None and self.slot is None:
                states = args[slot] if isinstance(slot, int) else kwargs[slot]
                self.slot, self.shape, self.below = slot, states.shape, _leaves_of(states)

        return hook

    def _leaves(self, cut: bool) -> Any:
        def hook(_block: nn.Module, _inputs: Any, output: Any) -> Any:
            self.ended = True
            self.extras = len(output) - 1 if isinstance(output, tuple | list) else None
            if not cut:
                return None
            constant = states_in(output).detach().requires_grad_()
            return (constant, *output[1:]) if self.extras is not None else constant

        return hook

    def gives(self, name: str) -> bool:
        """Whether the last hidden states may need a module on whose parameters they do not depend.

        One that reads states and hands on no gradient to them is read by nothing; one that looks
        numbers up may be a constant.
        """
        return name in self.called and name not in self.on_states

    @property
    def undivided(self) -> str | None:
        """Why the blocks cannot be frozen one by one."""
        layers = getattr(self.model.config, "num_hidden_layers", None)
        if len(self.blocks) == 1 and isinstance(layers, int) and layers > 1:
            return f"its {layers} layers share one block's weights"
        if not self.runs:
            return "its blocks are not called one by one"
        if self.runs != list(range(len(self.blocks))):
            return f"its {len(self.blocks)} blocks do not run once each and in their order"
        if beside := self._beside():
            return f"its layers are divided over several lists, {self.path} and {beside}"
        return None

    def _beside(self) -> str | None:
        """Another list of as many modules that take turns with the blocks (XLM's attentions)."""
        for path, module in self.model.named_modules():
            if isinstance(module, nn.ModuleList) and len(module) == len(self.blocks) > 1:
                turns = {self.called.get(f"{path}.{number}") for number in range(len(module))}
                if len(turns - {None}) == len(module) and any(True for _ in module.parameters()):
                    return path
        return None

    def facts(self) -> dict[str, Any]:
        """The anatomy's fields that were seen at the blocks."""
        facts: dict[str, Any] = {"undivided": self.undivided, "width": self.width}
        if self.shape is None or self.slot is None or self.undivided:
            return facts
        layout = _layout(self.shape)
        kinds = dict(self.model.named_modules())
        dropouts = [n for n in self.before - self.later if isinstance(kinds[n], nn.Dropout)]
        return facts | {
            "inner": self.shape[layout[2]],
            "layout": layout,
            "slot": self.slot,
            "extras": self.extras,
            "tables": tuple(name for name in self.tables if name not in self.later),
            "dropouts": tuple(sorted(dropouts)),
        }


def _layout(shape: torch.Size) -> tuple[int, int, int]:
    """Which axis holds the texts, the tokens and the width.

    XLNet's states are (tokens, texts, width), SqueezeBERT's (texts, width, tokens).
    """
    if shape[0] != BATCH and shape[1] == BATCH:
        return (1, 0, 2)
    return (0, 2, 1) if shape[2] == TOKENS != shape[1] else (0, 1, 2)


@contextmanager
def _as_read(model: nn.Module) -> Iterator[None]:
    """Without dropout, with a graph that reaches every parameter; all flags are put back."""
    trained = {module: module.training for module in model.modules()}
    asked = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        model.eval()
        for parameter in asked:
            if parameter.is_floating_point():
                parameter.requires_grad_(True)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, training in trained.items():
            module.training = training
        for parameter, asks in asked.items():
            parameter.requires_grad_(asks)


def _leaves_of(tensor: Tensor) -> set[int]:
    """Identities of the parameters in a tensor's graph."""
    found: set[int] = set()
    seen: set[Any] = set()
    waiting = [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        waiting.extend(following for following, _ in node.next_functions)
    return found
