"""Continued pre-training: a base model that has read a text of its field before it learns pairs.

Gururangan et al. 2020, "Don't Stop Pretraining" (arXiv 2004.10964): the usual loss of every next
token, on text without questions. What comes of it is a base model of its own, in a folder of the
store, so that all that follows treats it as any other: every strategy, the stored trunk, packages.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import get_linear_schedule_with_warmup

from tasks.config import WritingCase
from tasks.errors import RequestError
from tasks.language.pairs import pad_right
from tasks.locks import locked
from tasks.models.base_models import LocatedModel, context_of, locate
from tasks.models.generators import load_generator
from tasks.storage import file_digest, is_sealed, seal
from tasks.training.arms import pretrained_dir
from tasks.training.device import uses_gpu

MARK = "pretrained.json"
LEAST = 16
"""Tokens; of fewer nothing is learned."""


def with_pretrained(config: WritingCase) -> WritingCase:
    """The case with the base model that has read `language.pretrain_on` beside its own, where the
    case names a text.

    Raises:
        RequestError: no such text, or one without words.
        ThawError: the base model cannot be had.
    """
    if config.language.pretrain_on is None:
        return config
    base = config.model.base
    read = pretrained(locate(base), Path(config.language.pretrain_on), config)
    grid = config.grid.model_copy(
        update={"model": {**config.grid.model, "base": (base, str(read))}}
    )
    return config.model_copy(update={"grid": grid})


def pretrained(located: LocatedModel, text: Path, config: WritingCase) -> Path:
    """The folder of a base model that has read a text; made once.

    Args:
        located: the base model.
        text: UTF-8.
        config: how it learns: rate, batch, longest length and first seed of the case.

    Raises:
        RequestError: the text cannot be read, or is too short.
    """
    try:
        words = text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"language.pretrain_on={text} is no UTF-8 text that can be read: {error}"
        ) from error
    language, training = config.language, config.training
    length = min(config.model.max_length, context_of(located) or config.model.max_length)
    how = (training.learning_rate, training.batch_size, language.pretrain_epochs, config.seeds[0])
    content = json.dumps([located.digest, file_digest(text), length, *how])
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    folder = pretrained_dir() / f"{Path(located.name).name}-on-{text.stem}-{key}"
    with locked(folder.with_suffix(".lock")):
        if not is_sealed(folder, MARK):
            model, tokenizer = load_generator(located)
            ids = tokenizer(words, add_special_tokens=False, verbose=False)["input_ids"]
            if len(ids) < LEAST:
                raise RequestError(
                    f"language.pretrain_on={text} has {len(ids)} tokens, and {LEAST} are the "
                    "fewest to learn anything from."
                )
            read_on(model, [ids[at : at + length] for at in range(0, len(ids), length)], *how)
            model.cpu().save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            seal(folder, MARK)
    return folder


def read_on(
    model: torch.nn.Module,
    blocks: Sequence[Sequence[int]],
    rate: float,
    batch: int,
    epochs: int,
    seed: int,
) -> None:
    """Learn every next token of blocks of text; all parameters train, in float32.

    Args:
        model: a causal language model; changed in place.
        blocks: token ids; one of a single token says nothing and is left out.
        rate: peak learning rate of AdamW, which falls to 0.
        batch: blocks a step.
        epochs: passes over the blocks, each in an order of its own.
        seed: of these orders, and of dropout.
    """
    kept = [block for block in blocks if len(block) > 1]
    steps = epochs * -(-len(kept) // batch)
    device = torch.device("cuda" if uses_gpu() else "cpu")
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    falling = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(epochs):
            order = torch.randperm(len(kept)).tolist()
            for start in range(0, len(order), batch):
                some = [kept[place] for place in order[start : start + batch]]
                ids = pad_right(some, 0)
                mask = pad_right([[1] * len(block) for block in some], 0)
                labels = ids.masked_fill(mask == 0, -100)
                batch_of = {"input_ids": ids, "attention_mask": mask, "labels": labels}
                loss = model(**{name: value.to(device) for name, value in batch_of.items()}).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                falling.step()
                optimizer.zero_grad()
    model.eval()
