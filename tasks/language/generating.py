"""Batched generation: the same text as prompt by prompt, several times faster.

Prompts of similar length go together, padded on the left under a mask, and a row leaves its
batch when it ends: transformers' `generate` computes every row until the last one is done, which
for answers of unequal length costs a good part of what batching gains. So the loop for greedy
and drawn text stands here, on transformers' cache; beams are left to `generate`.

In float32 a batch gives the same greedy text as its rows alone: the padding changes the order of
some sums, and only that. In bf16 two tokens of nearly equal probability may change places with
the batch's width (of 32 answers of an untouched SmolLM2, 7 did), so that figures from bf16
generation belong to their batch size.

What all prompts begin with (an instruction, worked examples) is read once, and each batch goes on
from the keys and values that it gave.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.language.pairs import Prompt, prompt_ids
from tasks.models.anatomy import context_length
from tasks.models.positions import position_ids

SHARED_TOKENS = 16
"""From how many common first tokens on they are read once for all prompts."""


@dataclass(frozen=True)
class Decoding:
    """How text is generated.

    Attributes:
        max_new_tokens: most tokens of one answer, its end token included.
        batch_size: prompts at a time.
        beams: 1 is greedy; more exclude drawing.
        temperature: draws from the model's distribution, made flatter above 1; None never draws.
        seed: of the draws.
        stop_at: a text at which an answer ends too, left out of it, unless it comes first: for
            models that were never taught to stop (few-shot: a line break).
        stop_counts: whether an answer that ends there has stopped by itself.
    """

    max_new_tokens: int = 128
    batch_size: int = 16
    beams: int = 1
    temperature: float | None = None
    seed: int = 0
    stop_at: str | None = None
    stop_counts: bool = True

    def __post_init__(self) -> None:
        if self.beams > 1 and self.temperature is not None:
            raise ValueError("beams search the most probable text, a temperature draws: use one")


@dataclass(frozen=True)
class Generated:
    """One answer.

    Attributes:
        text: without end token and surrounding white space.
        stopped: ended by itself, before `max_new_tokens` or the context's end.
        tokens: how many were generated, the end token included; 0 where the prompt fills the
            context.
    """

    text: str
    stopped: bool
    tokens: int


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    decoding: Decoding = Decoding(),
) -> list[Generated]:
    """Answer every prompt, in the given order.

    The model computes in the precision it has; a caller may wrap this in autocast. The same
    seed, prompts and batch size give the same text.

    Args:
        model: a causal language model, with its output layer.
        tokenizer: with an end token and a pad token.
        prompts: as a format's `prompt` makes them.
        decoding: how.
    """
    # An empty prompt starts as a text does: behind the beginning token, or an end token.
    bos: int | None = tokenizer.bos_token_id
    first: int = tokenizer.eos_token_id if bos is None else bos
    ids = [row or [first] for row in prompt_ids(prompts, tokenizer)]
    answers: list[Generated] = [Generated("", False, 0)] * len(ids)
    was_training = model.training
    model.eval()
    devices = [model.device] if model.device.type == "cuda" else []
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(decoding.seed)
            batches = list(_batches([len(row) for row in ids], _context(model), decoding))
            beginning = _beginning(model, ids, decoding) if batches else None
            for rows, room in batches:
                batch = [ids[row] for row in rows]
                added = _new_tokens(model, tokenizer, batch, room, decoding, beginning)
                for row, new in zip(rows, added, strict=True):
                    answers[row] = answer_of(new, tokenizer, decoding)
    finally:
        model.train(was_training)
    return answers


def _context(model: PreTrainedModel) -> int:
    """Tokens that the model has positions for."""
    return context_length(model.config) or 2**31


def _batches(
    lengths: list[int], context: int, decoding: Decoding
) -> Iterator[tuple[list[int], int]]:
    """Rows that are generated together, shortest prompts first, and the tokens they may add.

    Rows that the context cuts short are only with rows that it cuts at the same token: what a
    row may write must not depend on its neighbours.
    """
    room = [min(decoding.max_new_tokens, context - length) for length in lengths]
    order = sorted(range(len(lengths)), key=lambda row: (-room[row], lengths[row]))
    for allowed, same in groupby(order, key=lambda row: room[row]):
        rows = list(same) if allowed > 0 else []
        for start in range(0, len(rows), decoding.batch_size):
            yield rows[start : start + decoding.batch_size], allowed


@dataclass(frozen=True)
class _Beginning:
    """The tokens that all prompts begin with, as a cache holds them.

    Attributes:
        layers: keys and values of each layer, (1, heads, tokens, width).
        tokens: how many they are.
    """

    layers: list[tuple[Tensor, Tensor]]
    tokens: int

    def cache(self, lengths: Sequence[int]) -> DynamicCache:
        """What a cache holds once the first `tokens` columns of prompts of these lengths, padded
        on the left, were read. Whatever it holds at a padded place is under their mask."""
        device = self.layers[0][0].device
        pads = max(lengths) - torch.tensor(lengths, device=device).unsqueeze(1)
        places = (torch.arange(self.tokens, device=device) - pads).clamp(min=0)
        return DynamicCache(
            [tuple(held[0][:, places].transpose(0, 1) for held in layer) for layer in self.layers]
        )


def _beginning(
    model: PreTrainedModel, ids: Sequence[list[int]], decoding: Decoding
) -> _Beginning | None:
    """What the prompts share; None where that is little, or the model's cache is no list of what
    each token gave (a window of the last ones, a running state)."""
    first, last = min(ids, default=[]), max(ids, default=[])  # what these share, all between do
    shared = next(
        (
            place
            for place, (one, other) in enumerate(zip(first, last, strict=False))
            if one != other
        ),
        min(len(first), len(last)),
    )
    tokens = min(shared, min(map(len, ids), default=1) - 1)
    if len(ids) == 1 or tokens < SHARED_TOKENS or decoding.beams > 1:
        return None
    cache = DynamicCache(config=model.config)
    read = torch.tensor([first[:tokens]], device=model.device)
    mask = torch.ones_like(read)
    model(
        input_ids=read,
        attention_mask=mask,
        position_ids=position_ids(mask),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    layers = [
        (layer.keys, layer.values)
        for layer in cache.layers
        if type(layer) is DynamicLayer and layer.keys is not None and layer.values is not None
    ]
    whole = layers and len(layers) == len(cache.layers)
    if not whole or any(keys.shape[2] != tokens for keys, _ in layers):
        return None
    return _Beginning(layers, tokens)


def pad_left(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and mask, each (rows, longest): every row ends at the last column."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, width - len(row) :] = torch.as_tensor(row, dtype=torch.long)
        mask[number, width - len(row) :] = 1
    return ids, mask


def _new_tokens(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    batch: list[list[int]],
    room: int,
    decoding: Decoding,
    beginning: _Beginning | None,
) -> list[list[int]]:
    """What each row adds, up to and with its end token."""
    end: int = tokenizer.eos_token_id
    ids, mask = pad_left(batch, tokenizer.pad_token_id)
    ids, mask = ids.to(model.device), mask.to(model.device)
    if decoding.beams > 1:
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=_beam_search(tokenizer, room, decoding),
        )
        rows: list[list[int]] = output[:, ids.shape[1] :].tolist()
        return rows

    def has_ended(row: list[int]) -> bool:
        if row[-1] == end:
            return True
        return decoding.stop_at is not None and decoding.stop_at in tokenizer.decode(row).lstrip()

    if beginning is None:
        cache = DynamicCache(config=model.config)
    else:
        cache = beginning.cache([len(row) for row in batch])
    return _step_by_step(model, cache, ids, mask, room, has_ended, decoding.temperature)


def _step_by_step(
    model: PreTrainedModel,
    cache: DynamicCache,
    ids: Tensor,
    mask: Tensor,
    room: int,
    has_ended: Callable[[list[int]], bool],
    temperature: float | None,
) -> list[list[int]]:
    """The tokens that each row adds, greedily or drawn, until it has ended or `room` is used.

    `cache` holds the first columns of `ids`, or none yet; `mask` is of all of them.
    """
    new: list[list[int]] = [[] for _ in ids]
    rows = list(range(len(ids)))  # those that still write, in the order of the tensors
    held = cache.get_seq_length()
    ids, positions = ids[:, held:], position_ids(mask)[:, held:]
    for _ in range(room):
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        chosen = _choose(logits.float(), temperature)
        for row, token in zip(rows, chosen.tolist(), strict=True):
            new[row].append(token)
        going = [place for place, row in enumerate(rows) if not has_ended(new[row])]
        if not going:
            break
        if len(going) < len(rows):
            kept = torch.tensor(going, device=ids.device)
            cache.batch_select_indices(kept)
            mask, positions, chosen = mask[kept], positions[kept], chosen[kept]
            rows = [rows[place] for place in going]
        ids = chosen.unsqueeze(1)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return new


def _choose(logits: Tensor, temperature: float | None) -> Tensor:
    """One token for each row of (rows, vocabulary): the most probable one, or a drawn one."""
    if temperature is None:
        return logits.argmax(-1)
    return torch.multinomial(torch.softmax(logits / temperature, -1), 1).squeeze(1)


def _beam_search(
    tokenizer: PreTrainedTokenizerBase, room: int, decoding: Decoding
) -> GenerationConfig:
    # Every setting is named: what is left open is filled from the base model's own file.
    return GenerationConfig(
        max_new_tokens=room,
        num_beams=decoding.beams,
        early_stopping=True,
        do_sample=False,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
        repetition_penalty=1.0,
        use_cache=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _until_end(row: list[int], end: int) -> list[int]:
    return row[: row.index(end) + 1] if end in row else row


def answer_of(new: list[int], tokenizer: PreTrainedTokenizerBase, decoding: Decoding) -> Generated:
    """The answer that new tokens make; what stands behind the end token is padding."""
    new = _until_end(new, tokenizer.eos_token_id)
    stopped = bool(new) and new[-1] == tokenizer.eos_token_id
    shown = new[:-1] if stopped else new
    text: str = tokenizer.decode(
        shown, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    if decoding.stop_at and decoding.stop_at in text.lstrip():
        text, stopped = text.lstrip().split(decoding.stop_at, 1)[0], decoding.stop_counts
    return Generated(text.strip(), stopped, len(new))
