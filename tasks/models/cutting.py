"""Cutting a model at a block: the frozen trunk below, the trainable tail above.

Both are shells around the model's own modules: a shell is a shallow copy whose block list is cut
and whose embeddings or final norm stand aside, and it runs the model's own forward. Training the
tail therefore trains the model itself; when it ends, the whole model is there, with nothing
copied back.
"""

import copy
from typing import Any

from torch import Tensor, nn

from tasks.models.anatomy import anatomy_of, blocks_of
from tasks.models.classifier import ClassifierOutput, TextClassifier, pool
from tasks.models.positions import position_arguments


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


def trunk_of(backbone: nn.Module, start: int | None, stop: int) -> nn.Module:
    """The part from block `start` (None: from the tokens) up to, not including, block `stop`.

    Its forward takes `input_ids`, or `inputs_embeds` where it starts at a block, and its last
    hidden state is what block `stop` would read: the final norm stands aside.
    """
    anatomy = anatomy_of(backbone)
    replaced: dict[str, nn.Module] = {path: nn.Identity() for path in anatomy.final}
    if start is not None:
        replaced |= {path: stand_in() for path, stand_in in anatomy.given}
    else:
        # GPT-2's embedding dropout lies outside its embedding layers; the trunk never drops.
        start = 0
    replaced[anatomy.blocks] = blocks_of(backbone)[start:stop]
    return shell(backbone, replaced)


def tail_of(backbone: nn.Module, depth: int) -> nn.Module:
    """Blocks `depth` and above, with the final norm; its forward takes `inputs_embeds`."""
    anatomy = anatomy_of(backbone)
    replaced: dict[str, nn.Module] = {path: stand_in() for path, stand_in in anatomy.given}
    replaced[anatomy.blocks] = blocks_of(backbone)[depth:]
    return shell(backbone, replaced)


class TailClassifier(nn.Module):
    """A classifier that starts from stored hidden states of block `depth`.

    Its modules are those of the whole classifier.
    """

    def __init__(self, whole: TextClassifier, depth: int) -> None:
        super().__init__()
        self.backbone = tail_of(whole.backbone, depth)
        self.head = whole.head
        self.head_config = whole.head_config

    def forward(
        self, hidden: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> ClassifierOutput:
        """Logits, and the loss when labels are given.

        Args:
            hidden: (batch, tokens, width): what block `depth` reads.
            attention_mask: (batch, tokens), 1 for real tokens.
            labels: as in `Head.classify`.
        """
        arguments: dict[str, Any] = position_arguments(self.backbone, attention_mask)
        last = self.backbone(inputs_embeds=hidden, attention_mask=attention_mask, **arguments)[0]
        return self.head.classify(pool(last, attention_mask, self.head_config.pooling), labels)


class PooledClassifier(nn.Module):
    """The head alone, on stored pooled vectors: for an arm that trains nothing else."""

    def __init__(self, whole: TextClassifier) -> None:
        super().__init__()
        self.head = whole.head
        self.head_config = whole.head_config

    def forward(self, pooled: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        """Logits and loss from (batch, width)."""
        return self.head.classify(pooled, labels)
