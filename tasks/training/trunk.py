"""The frozen trunk: what is frozen runs once per example, not once per epoch.

A frozen layer's output for an example never changes. So the frozen bottom of a model runs over
each part once, in evaluation mode and over length-sorted batches without padding waste; its
output is stored (`hidden_store.py`), and the arm trains the rest of the model (`cutting.py`) on
batches of it. One pass serves every depth that the arms of a sweep need, and a deeper trunk
starts from a shallower one that is stored already.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from datasets import Dataset
from torch import Tensor, nn

from tasks.config import PARTS
from tasks.config.strategies import Strategy
from tasks.errors import RequestError, ThawError
from tasks.locks import locked
from tasks.models.anatomy import OnBackbone, anatomy_of, count_blocks
from tasks.models.classifier import TextClassifier
from tasks.models.cutting import PooledClassifier, TailClassifier
from tasks.models.examining import cut_obstacle
from tasks.training.arms import ArmSpec
from tasks.training.batching import PaddingCollator
from tasks.training.device import wants_bf16
from tasks.training.encoding import EncodedPart
from tasks.training.hidden_store import HiddenStates, make_room, open_states, trunk_dir
from tasks.training.trunk_pass import Depth, Pass, rank, run_pass, stack


@dataclass(frozen=True)
class Trunk:
    """Stored hidden states of every part, at the depth where an arm begins to train."""

    depth: Depth
    states: dict[str, HiddenStates]

    @property
    def bytes(self) -> int:
        """Size of the states on disk."""
        return sum(states.bytes for states in self.states.values())

    @property
    def seconds(self) -> float:
        """What the passes took that made them, shared by all arms of this or a deeper depth."""
        return sum(states.seconds for states in self.states.values())

    @property
    def description(self) -> str:
        """One sentence for the run."""
        where = (
            "pooled vectors" if self.depth == "pooled" else f"hidden states of block {self.depth}"
        )
        return f"on: {where}, {self.bytes / 1e6:.1f} MB"

    @property
    def costs(self) -> dict[str, float]:
        """Seconds and size, as figures of the run."""
        return {"cost/trunk_seconds": self.seconds, "cost/trunk_megabytes": self.bytes / 1e6}

    def trainable_part(self, whole: TextClassifier) -> nn.Module:
        """The classifier that reads the stored states; its modules are those of `whole`."""
        if self.depth == "pooled":
            return PooledClassifier(whole)
        return TailClassifier(whole, self.depth)


def depth_of(strategy: Strategy, blocks: int) -> Depth | None:
    """Where an arm of that strategy begins to train; None if no block keeps its output."""
    return strategy.depth(blocks)


def trunk_key(
    spec: ArmSpec, part: str, depth: Depth, pooling: str | None, dtype: str | None = None
) -> str:
    """Digest of everything that stored states depend on; `dtype` is by default the depth's."""
    content = {
        "base": spec.base_digest,
        "data": getattr(spec, part).digest,
        "max_length": spec.model.max_length,
        "prompt_end": spec.model.prompt_end,
        "prompt": spec.language and spec.language.prompt,
        "depth": depth,
        "pooling": pooling if depth == "pooled" else None,
        "dtype": dtype or states_dtype(spec, depth),
        "transformers": transformers.__version__,
        "format": 3,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def states_dtype(spec: ArmSpec, depth: Depth | None = None) -> str:
    """What states are computed and stored in: bf16 where the arm computes in it.

    Pooled vectors are float32 always, so that a head alone comes to the same whatever arms beside
    it compute in.
    """
    bf16 = depth != "pooled" and wants_bf16(spec.training.precision)
    return "bfloat16" if bf16 else "float32"


def obstacle(spec: ArmSpec, model: OnBackbone, depth: Depth | None) -> str | None:
    """Why the arm cannot or shall not use a trunk, before any size is known."""
    if depth is None:
        return spec.strategy.trunk_obstacle or "nothing is frozen"
    if spec.training.trunk == "off":
        return "training.trunk=off"
    if spec.training.extra.get("neftune_noise_alpha"):
        return "training.extra.neftune_noise_alpha adds noise to the embeddings"
    if spec.training.packing:
        return "training.packing puts several examples into one row"
    if spec.training.padding == "max" and spec.training.trunk == "auto":
        return "training.padding=max asks for padded batches throughout"
    return None if depth == "pooled" else cut_obstacle(model.backbone, depth)


def _can_be_stored(model: OnBackbone, depth: Depth) -> bool:
    return depth == "pooled" or cut_obstacle(model.backbone, depth) is None


def use_trunk(
    spec: ArmSpec,
    model: OnBackbone,
    parts: Mapping[str, EncodedPart],
    depths: Iterable[Depth],
    collator: PaddingCollator,
) -> Trunk | str:
    """The arm's trunk, made or found; or the sentence that says why it runs without one.

    Args:
        spec: the arm.
        model: the arm's, before training.
        parts: the encoded parts.
        depths: the depths that the sweep needs besides the arm's own, stored by the same pass.
        collator: pads token ids.

    Raises:
        RequestError: `training.trunk=on` and it cannot be.
    """
    depth = depth_of(spec.strategy, count_blocks(model.backbone))
    reason = obstacle(spec, model, depth)
    if reason is None:
        assert depth is not None  # noqa: S101 - obstacle() names it otherwise
        dtype = states_dtype(spec, depth)
        others = {
            each
            for each in depths
            if _can_be_stored(model, each) and states_dtype(spec, each) == dtype
        }
        wanted = sorted({*others, depth}, key=rank)
        try:
            return _stored(spec, model, parts, wanted, depth, collator)
        except ThawError as error:
            reason = str(error)
    if spec.training.trunk == "on" and (depth is not None or spec.strategy.trunk_obstacle):
        raise RequestError(f"training.trunk=on, but for {spec.title} {reason}.")
    return reason


def vectors_at_hand(spec: ArmSpec, model: TextClassifier) -> Trunk | None:
    """The pooled vectors of every part where a pass has stored them; nothing is run for it."""
    if obstacle(spec, model, "pooled") is not None:
        return None
    pooling = model.head_config.pooling
    states = {part: open_states(trunk_key(spec, part, "pooled", pooling)) for part in PARTS}
    found: dict[str, HiddenStates] = {
        part: each for part, each in states.items() if each is not None
    }
    return Trunk("pooled", found) if len(found) == len(states) else None


def _stored(
    spec: ArmSpec,
    model: OnBackbone,
    parts: Mapping[str, EncodedPart],
    wanted: list[Depth],
    depth: Depth,
    collator: PaddingCollator,
) -> Trunk:
    pooling = model.head_config.pooling if isinstance(model, TextClassifier) else None
    dtype = states_dtype(spec, depth)
    keys: dict[str, dict[Depth, str]] = {
        part: {each: trunk_key(spec, part, each, pooling) for each in wanted} for part in PARTS
    }
    states = {part: open_states(keys[part][depth]) for part in PARTS}
    if any(found is None for found in states.values()):
        # One lock for all entries: a second flow that needs the same states waits for them,
        # and two passes at once would only fight for the cores.
        with locked(trunk_dir() / ".lock"):
            keep = {key for by_depth in keys.values() for key in by_depth.values()}
            _refuse_too_large(spec, model, parts, wanted, keys, depth, keep)
            for part in PARTS:
                states[part] = (
                    open_states(keys[part][depth])
                    or run_pass(
                        Pass(
                            model=model,
                            part=parts[part],
                            keys=keys[part],
                            key_below=lambda each, part=part: trunk_key(  # type: ignore[misc]
                                spec, part, each, pooling, dtype
                            ),
                            dtype=dtype,
                            collator=collator,
                            title=f"trunk over {part}",
                        )
                    )[depth]
                )
    return Trunk(depth, {part: found for part, found in states.items() if found is not None})


def _refuse_too_large(
    spec: ArmSpec,
    model: OnBackbone,
    parts: Mapping[str, EncodedPart],
    wanted: list[Depth],
    keys: dict[str, dict[Depth, str]],
    depth: Depth,
    keep: set[str],
) -> None:
    """Drop other depths of the sweep if only they do not fit; raise if the arm's own does not."""
    limit = int(spec.training.trunk_limit_gb * 1e9)
    anatomy = anatomy_of(model.backbone)
    size = 2 if states_dtype(spec) == "bfloat16" else 4
    cost = {
        each: sum(
            len(parts[part].ids) * anatomy.width * 4
            if each == "pooled"
            else parts[part].tokens * anatomy.inner * size
            for part in PARTS
            if not (trunk_dir() / keys[part][each] / "index.json").exists()
        )
        for each in wanted
    }
    others = [each for each in wanted if each != depth]
    while reason := make_room(sum(cost[each] for each in (depth, *others)), limit, keep):
        if not others:
            raise ThawError(reason)
        dropped = max(others, key=lambda each: cost[each])
        others.remove(dropped)
        for part in PARTS:
            del keys[part][dropped]


def with_places(part: EncodedPart, name: str) -> EncodedPart:
    """The part with rows that name their place in the store instead of token ids."""
    kept = [column for column in ("labels", "length") if column in part.rows.column_names]
    rows: Dataset = part.rows.select_columns(kept)
    rows = rows.add_column("row", list(range(len(rows))))
    rows = rows.add_column("part", [PARTS.index(name)] * len(rows))
    return replace(part, rows=rows)


@dataclass(frozen=True)
class TrunkCollator:
    """Batches of stored states: `hidden` and `attention_mask`, or `pooled`; and `labels`."""

    trunk: Trunk

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples carry `part` and `row`; see `Trunk.states`."""
        states = [
            self.trunk.states[PARTS[example["part"]]].row(example["row"]) for example in examples
        ]
        batch = {"pooled": torch.cat(states)} if self.trunk.depth == "pooled" else stack(states)
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        return batch
