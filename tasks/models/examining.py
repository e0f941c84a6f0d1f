"""A base model is examined before it trains: what it reads here must be what its library reads.

Three short texts are read alone, without padding, through the model's own forward in float32: that
is what the model gives. The ways that training takes (batched, padded on either side, behind word
embeddings, cut at a block, from stored states) have to give the same. Where they do not, the
model is refused, or the strategy that would take that way.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.models.anatomy import anatomy_of, context_length
from tasks.models.classifier import HeadConfig, Pooling, TextClassifier
from tasks.models.cutting import read_states, tail_of
from tasks.models.positions import padded_right
from tasks.models.tracing import probe

TOLERANCE = 1e-4
"""Largest difference that rounding explains, as a share of the states' root mean square."""
SEEN = 1e-6
"""Smallest change of a state, as a share of the same, that counts as one."""
TEXTS = (
    "Good.",
    "The kettle arrived on Monday, and it leaks.",
    "A retired gardener finds a map in the shed 42 years later; nobody in the village believes it.",
)
MOST_TOKENS = 32
LONG_TEXT = 512
"""Tokens of the one long text that is tried, where a model allows as many."""


@dataclass(frozen=True)
class Examination:
    """What became of it.

    Attributes:
        family: the model's, as its configuration calls it.
        blocks: how many it has.
        difference: the largest between a text in a batch and the same text alone, as a share of
            the states' root mean square.
        undivided: why blocks cannot be frozen one by one; None where they can.
        uncut: why nothing can be stored of frozen blocks; None where it can.
        unprompted: why no soft prompt can stand before a text; None where one can.
        lacking: strategies for which it has nothing that could train, by their form, and why.
        unplaced: weights in its files for which it has no place outside its blocks.
        seconds: that it took.
    """

    family: str
    blocks: int
    difference: float
    undivided: str | None = None
    uncut: str | None = None
    unprompted: str | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)
    unplaced: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """For the log."""
        said = (
            f"{self.family}, {self.blocks} blocks: texts in a batch have the states of the same "
            f"texts alone, to {self.difference:.1e} of their size"
        )
        rest = {
            "its blocks cannot be frozen one by one": self.undivided,
            "nothing is stored of frozen blocks": self.uncut,
            "no soft prompt fits": self.unprompted,
            **{f"{form} does not go": why for form, why in self.lacking.items()},
            "weights in its files that it does not read": ", ".join(self.unplaced),
        }
        return "; ".join([said, *(f"{what}: {why}" for what, why in rest.items() if why)]) + "."


def examine(
    backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str
) -> Examination:
    """Compare every way of reading with the model's own.

    Args:
        backbone: headless, in float32; its mode and its random numbers stay as they are.
        tokenizer: its own.
        name: for messages.

    Raises:
        RequestError: its states are not those of the same texts read alone.
    """
    started = time.perf_counter()
    family = str(backbone.config.model_type)
    check_vocabulary(backbone, tokenizer, name)
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            found = _examined(backbone, tokenizer, name, family)
    finally:
        backbone.train(training)
    return replace(found, seconds=time.perf_counter() - started)


def _examined(
    backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, family: str
) -> Examination:
    from tasks.models.adapting import lacking  # PEFT, without which packages are loaded

    for weight, values in backbone.named_parameters():
        if not values.isfinite().all():  # in the row of a word, say, that no text below has
            raise RequestError(
                f"The base model {name} is damaged: {weight} holds values that are no numbers. "
                "Fetch it or save it again."
            )
    context = min(context_length(backbone.config) or MOST_TOKENS, MOST_TOKENS)
    texts = [ids[:context] for ids in tokenizer(list(TEXTS))["input_ids"] if ids]
    try:
        alone = _alone(backbone, texts)
    except Exception as error:
        raise _refusal(name, family, f"a text read alone ends with {_line(error)}") from error
    if not torch.cat(alone).isfinite().all():
        raise _refusal(name, family, "its states are no numbers")
    anatomy = anatomy_of(backbone)
    if not (sees_ahead(backbone) or _sees_back(backbone)):
        raise _refusal(name, family, "no token's state depends on any other token")
    _check_length(backbone, name, family)
    reader = TextClassifier(backbone, HeadConfig(labels=1, pooling="mean"))
    worst, read = 0.0, None
    for side in ("right", "left"):
        batch = _batch(texts, int(tokenizer.pad_token_id), backbone.device, side == "left")
        moved = padded_right(batch[1], batch[0])
        if read is not None and all(map(torch.equal, moved, read)):
            continue  # the model is given the same batch
        read = moved
        try:
            worst = max(worst, _difference(_rows(*reader.read(*batch)), alone))
        except Exception as error:
            why = f"a batch padded on the {side} ends with {_line(error)}"
            raise _refusal(name, family, why) from error
        if not worst <= TOLERANCE:  # not a number is no agreement either
            raise _refusal(
                name,
                family,
                f"padded on the {side}, the states of a text differ from those of the same text "
                f"alone by {worst:.1e} of their size, and rounding explains {TOLERANCE:.0e}",
            )
    uncut = anatomy.undivided
    if uncut is None:
        # Below the first block, in the middle, above the last; others when they are wanted.
        for depth in sorted({0, anatomy.count // 2, anatomy.count}):
            found = _uncut(backbone, depth, texts, alone, int(tokenizer.pad_token_id))
            _cuts[(*_key(backbone), depth)] = found
            uncut = uncut or found
    return Examination(
        family=family,
        blocks=anatomy.count,
        difference=worst,
        undivided=anatomy.undivided,
        uncut=uncut,
        unprompted=_unprompted(reader, texts, alone),
        lacking=lacking(backbone),
    )


_cuts: dict[tuple[type, str, int], str | None] = {}


def _key(backbone: nn.Module) -> tuple[type, str]:
    return type(backbone), backbone.config.to_json_string()  # type: ignore[operator, union-attr]


def cut_obstacle(backbone: PreTrainedModel, depth: int) -> str | None:
    """Why the states below a block cannot stand for what lies there; None where they can.

    It is tried once for models of one class and configuration.
    """
    if undivided := anatomy_of(backbone).undivided:
        return undivided
    key = (*_key(backbone), depth)
    if key not in _cuts:
        training = backbone.training
        backbone.eval()
        try:
            with torch.no_grad():
                long, short = probe(backbone)["input_ids"].tolist()
                texts = [long, short[:-3]]
                pad = getattr(backbone.config, "pad_token_id", None) or 0
                _cuts[key] = _uncut(backbone, depth, texts, _alone(backbone, texts), pad)
        finally:
            backbone.train(training)
    return _cuts[key]


def _uncut(
    backbone: PreTrainedModel, depth: int, texts: list[list[int]], alone: list[Tensor], pad: int
) -> str | None:
    ids, mask = _batch(texts, pad, backbone.device)
    try:
        batch = {"input_ids": ids, "attention_mask": mask}
        states, _ = read_states(backbone, backbone, [depth], batch, end=False)
        stored = torch.where(mask.bool().unsqueeze(-1), states[depth], 0.0)
        last = tail_of(backbone, depth).eval()(inputs_embeds=stored, attention_mask=mask)[0]
        off = _difference(_rows(last, mask), alone)
    except Exception as error:
        return f"cut at block {depth}, its forward pass ends with {_line(error)}"
    if off <= TOLERANCE:
        return None
    return f"cut at block {depth}, its states differ by {off:.1e} of their size"


def _unprompted(reader: TextClassifier, texts: list[list[int]], alone: list[Tensor]) -> str | None:
    """Why no soft prompt can stand before a text: one of a text's own words must change nothing."""
    words = reader.backbone.get_input_embeddings()
    wanted = max(alone, key=len)
    row = torch.tensor([max(texts, key=len)], device=reader.backbone.device)
    try:
        read = reader.read_behind(words(row[0, :1]), torch.ones_like(row)[:, 1:], row[:, 1:])
        off = _difference([read[0]], [wanted[1:]])
        if not off <= TOLERANCE:
            return f"word embeddings are read differently, by {off:.1e} of the states' size"
    except Exception as error:
        return f"word embeddings in place of words end with {_line(error)}"
    return None


def _alone(backbone: PreTrainedModel, texts: list[list[int]]) -> list[Tensor]:
    """(tokens, width) of each text, without any padding."""
    rows = [torch.tensor([ids], device=backbone.device) for ids in texts]
    return [backbone(input_ids=row, attention_mask=torch.ones_like(row))[0][0] for row in rows]


def _difference(states: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest difference, as a share of the root mean square of what is wanted."""
    size = torch.cat(wanted).square().mean().sqrt().clamp(min=1e-12)
    largest = [(one - other).abs().max() for one, other in zip(states, wanted, strict=True)]
    return float(torch.stack(largest).max() / size)


def _batch(
    texts: list[list[int]], pad: int, device: torch.device, left: bool = False
) -> tuple[Tensor, Tensor]:
    """Ids and mask of (texts, longest)."""
    longest = max(map(len, texts))
    ids = torch.full((len(texts), longest), pad, device=device)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        place = slice(longest - len(text), longest) if left else slice(0, len(text))
        ids[row, place], mask[row, place] = torch.tensor(text, device=device), 1
    return ids, mask


def _rows(states: Tensor, mask: Tensor) -> list[Tensor]:
    return [each[real.bool()] for each, real in zip(states, mask, strict=True)]


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return repr(lines[0][:200])


def _refusal(name: str, family: str, why: str) -> RequestError:
    return RequestError(
        f"The base model {name} (of the family {family!r}) is not read here as its library reads "
        f"it: {why}. What is trained on that would be wrong: name another base model."
    )


def check_vocabulary(
    backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str
) -> None:
    """Refuse a tokenizer with tokens for which the model has no row.

    Raises:
        RequestError: with both numbers.
    """
    rows = backbone.get_input_embeddings().weight.shape[0]
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= rows:
        raise RequestError(
            f"The tokenizer of {name} has {highest + 1:,} tokens and its model {rows:,}: tokens "
            "were added and the model was not given rows for them; save it again after "
            "resize_token_embeddings."
        )


def _check_length(backbone: PreTrainedModel, name: str, family: str) -> None:
    """Refuse a model that cannot read a text as long as it says; its first block is enough.

    Raises:
        RequestError: with the length.
    """
    if anatomy_of(backbone).undivided:
        return
    length = min(context_length(backbone.config) or LONG_TEXT, LONG_TEXT)
    ids = probe(backbone)["input_ids"][:1, :1].repeat(1, length)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    try:
        read_states(backbone, backbone, [1], batch, end=False)
    except Exception as error:
        raise _refusal(
            name,
            family,
            f"a text of {length} tokens, which its configuration allows, ends with {_line(error)}",
        ) from error


def sees_ahead(backbone: nn.Module) -> bool:
    """Whether any token's state changes with the last token."""
    return _depends(backbone, -1, slice(None, -1))


def _sees_back(backbone: nn.Module) -> bool:
    """Whether any token's state changes with the first token."""
    return _depends(backbone, 0, slice(1, None))


def _depends(backbone: nn.Module, changed: int, looked_at: slice) -> bool:
    batch = probe(backbone)
    ids = batch["input_ids"][:1].repeat(2, 1)
    ids[1, changed] = batch["input_ids"][1, changed]
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            # One at a time: rows of one batch are not rounded alike.
            first, second = (backbone(input_ids=row[None])[0][0, looked_at] for row in ids)
    finally:
        backbone.train(training)
    size = first.square().mean().sqrt()
    return bool((first - second).abs().max() > SEEN * size)


def usual_pooling(backbone: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Pooling:
    """What a head reads where nothing else is said.

    The last token of a model that reads from left to right, since the others have not seen the
    whole text; the classifier's token where the tokenizer puts one, first or last; else the mean.
    """
    if not sees_ahead(backbone):
        return "last"
    ids = tokenizer(TEXTS[0])["input_ids"]
    if tokenizer.cls_token_id is not None and ids:
        if ids[0] == tokenizer.cls_token_id:
            return "cls"
        if ids[-1] == tokenizer.cls_token_id:
            return "last"
    return "mean"
