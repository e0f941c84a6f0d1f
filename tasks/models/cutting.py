"""Cutting a model at a block: the frozen trunk below, the trainable tail above.

Both run the model's own forward, so that masks, rotary angles and the turn of local and global
layers are the model's own. The trunk is the whole model, stopped where the states are there. The
tail is a shell around the model's own modules: a shallow copy in which the blocks below the cut
hand on what they are given, and the block at the cut reads the stored states instead. Every block
keeps its place in the list. Training the tail therefore trains the model itself; when it ends, the
whole model is there, with nothing copied back.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.anatomy import anatomy_of, blocks_of, divided
from tasks.models.classifier import ClassifierOutput, TextClassifier, pool
from tasks.models.positions import padded_right
from tasks.models.tracing import Anatomy, states_in


def shell(module: nn.Module, replaced: dict[str, nn.Module]) -> nn.Module:
    """A shallow copy that shares every submodule except those replaced by path.

    Parameters and buffers are the same objects; `module` itself stays as it is.
    """
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    below: dict[str, dict[str, nn.Module]] = {}
    for path, stand_in in replaced.items():
        name, _, rest = path.partition(".")
        if rest:
            below.setdefault(name, {})[rest] = stand_in
        else:
            twin._modules[name] = stand_in
    for name, inner in below.items():
        twin._modules[name] = shell(module.get_submodule(name), inner)
    return twin


class NoTable(nn.Module):
    """Stands for an embedding table where the states are given: zeros, looked up nowhere."""

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        self.width = int(table.weight.shape[1])  # type: ignore[index]

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """(…, width) of zeros for numbers of (…)."""
        given = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        return torch.zeros(*given.shape, self.width, device=given.device)


class _StandIn(nn.Module):
    """Stands for a block; what a model asks of a block beside its forward, the block answers.

    So nothing here bears a name that a block may have for something else.
    """

    def __init__(self, block: nn.Module, anatomy: Anatomy) -> None:
        super().__init__()
        self.__dict__["stands_for"] = block  # no submodule: it belongs to the whole model
        self._anatomy = anatomy

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["stands_for"], name)

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The states that the block would read."""
        slot = self._anatomy.slot
        states: Tensor = args[slot] if isinstance(slot, int) else kwargs[slot]
        return states

    def _as_given_on(self, states: Tensor) -> Any:
        """The states in a block's own form; what else it gives is left out."""
        extras = self._anatomy.extras
        return states if extras is None else (states, *[None] * extras)


class Skipped(_StandIn):
    """A block below the cut: hands on what it is given."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the block's."""
        return self._as_given_on(self._given(args, kwargs))


class Entry(_StandIn):
    """The block at the cut, which reads stored states; above the last one, they are what it gives.

    The states are set before each pass: (batch, tokens, width).
    """

    def __init__(self, block: nn.Module, anatomy: Anatomy, runs: bool) -> None:
        super().__init__(block, anatomy)
        self.entered = block if runs else None
        self.states: Tensor | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the block's."""
        states = self._fitted(self._given(args, kwargs))
        if self.entered is None:
            return self._as_given_on(states)
        slot = self._anatomy.slot
        if isinstance(slot, int):
            return self.entered(*args[:slot], states, *args[slot + 1 :], **kwargs)
        return self.entered(*args, **(kwargs | {slot: states}))

    def _fitted(self, given: Tensor) -> Tensor:
        """The stored states in the layout and length of what was given."""
        if self.states is None:
            raise RuntimeError("no stored states were set for the block at the cut")
        states = self.states
        missing = given.shape[self._anatomy.layout[1]] - states.shape[1]
        if missing > 0:  # models with windows pad a text to whole ones
            states = nn.functional.pad(states, (0, 0, 0, missing))
        order = sorted(range(3), key=lambda axis: self._anatomy.layout[axis])
        return states if order == [0, 1, 2] else states.permute(order)


class Tail(nn.Module):
    """A model from a block on: reads stored states where the whole model reads tokens."""

    def __init__(self, backbone: nn.Module, depth: int) -> None:
        super().__init__()
        anatomy, blocks = divided(backbone), blocks_of(backbone)
        top = len(blocks) - 1
        self.entry = Entry(blocks[min(depth, top)], anatomy, runs=depth <= top)
        skipped = [Skipped(block, anatomy) for block in blocks[: min(depth, top)]]
        replaced: dict[str, nn.Module] = {path: nn.Identity() for path in anatomy.dropouts}
        for path in anatomy.tables:
            replaced[path] = NoTable(backbone.get_submodule(path))
        replaced[anatomy.blocks] = nn.ModuleList([*skipped, self.entry, *blocks[depth + 1 :]])
        self.body = shell(backbone, replaced)
        self.config = backbone.config

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor, **arguments: Any) -> Any:
        """What the whole model gives.

        Args:
            inputs_embeds: (batch, tokens, width): the states that block `depth` reads.
            attention_mask: (batch, tokens), 1 for real tokens.
            arguments: further ones of the model's own forward.
        """
        ids = attention_mask.new_zeros(attention_mask.shape, dtype=torch.long)
        self.entry.states = inputs_embeds
        try:
            return self.body(input_ids=ids, attention_mask=attention_mask, **arguments)
        finally:
            self.entry.states = None


def tail_of(backbone: nn.Module, depth: int) -> Tail:
    """Blocks `depth` and above, with the final norm; its forward takes `inputs_embeds`."""
    return Tail(backbone, depth)


class _EnoughError(Exception):
    """Ends a forward pass whose remainder is not wanted."""


def read_states(
    part: nn.Module, backbone: nn.Module, depths: Iterable[int], batch: dict[str, Tensor], end: bool
) -> tuple[dict[int, Tensor], Tensor | None]:
    """The states at some depths while a model reads a batch that is padded on the right.

    Args:
        part: what runs: the model itself, or a tail of it.
        backbone: the model whose blocks are watched.
        depths: 0 is what the first block reads, the number of blocks what the last one gives.
        batch: what `part` takes.
        end: whether to run to the end; otherwise the pass stops at the deepest.

    Returns:
        (batch, tokens, width) for each depth, and the last hidden states where it ran to the end.
    """
    wanted, found = sorted(set(depths)), dict[int, Tensor]()
    anatomy = anatomy_of(backbone)
    tokens = batch["attention_mask"].shape[1]

    def keep(depth: int, states: Tensor) -> None:
        found[depth] = states.permute(anatomy.layout)[:, :tokens]
        if depth == wanted[-1] and not end:
            raise _EnoughError

    def before(depth: int) -> Any:
        def hook(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            slot = anatomy.slot
            keep(depth, args[slot] if isinstance(slot, int) else kwargs[slot])

        return hook

    def after(depth: int) -> Any:
        return lambda _block, _given, output: keep(depth, states_in(output))

    hooks = []
    if wanted:
        blocks = blocks_of(backbone)
        for depth in wanted:
            if depth < len(blocks):
                block = blocks[depth]
                hooks.append(block.register_forward_pre_hook(before(depth), with_kwargs=True))
            else:
                hooks.append(blocks[-1].register_forward_hook(after(depth)))
    try:
        return found, part(**batch)[0]
    except _EnoughError:
        return found, None
    finally:
        for hook in hooks:
            hook.remove()


class TailClassifier(nn.Module):
    """A classifier that starts from stored hidden states of block `depth`.

    Its modules are those of the whole classifier.
    """

    def __init__(self, whole: TextClassifier, depth: int) -> None:
        super().__init__()
        self.backbone = tail_of(whole.backbone, depth)
        self.head = whole.head
        self.head_config = whole.head_config

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """As `TextClassifier`'s."""
        self.backbone.body.activation_checkpointing_enable(**options)  # type: ignore[operator]

    def forward(
        self, hidden: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> ClassifierOutput:
        """Logits, and the loss when labels are given.

        Args:
            hidden: (batch, tokens, width): what block `depth` reads.
            attention_mask: (batch, tokens), 1 for real tokens; padding may stand on either side.
            labels: as in `Head.classify`.
        """
        mask, hidden = padded_right(attention_mask, hidden)
        last = self.backbone(inputs_embeds=hidden, attention_mask=mask)[0]
        return self.head.classify(pool(last, mask, self.head_config.pooling), labels)


class PooledClassifier(nn.Module):
    """The head alone, on stored pooled vectors: for an arm that trains nothing else."""

    def __init__(self, whole: TextClassifier) -> None:
        super().__init__()
        self.head = whole.head
        self.head_config = whole.head_config

    def activation_checkpointing_enable(self, **_options: Any) -> None:
        """There are no blocks here."""

    def forward(self, pooled: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        """Logits and loss from (batch, width)."""
        return self.head.classify(pooled, labels)
