"""The untouched decoder, asked for the label in words: what it knows without any training.

Behind each prompt stand the words of every label in turn, and the log-likelihood of all their
tokens says how probable the decoder finds them (as GPT-3 was asked, Brown et al. 2020, arXiv
2005.14165, section 2.4, without normalising by length). Probabilities are these, shared among the
labels: what else the decoder would have said does not count. Nothing is fitted, and how the
question is put matters more than it should.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import SingleLabelCase
from tasks.errors import RequestError
from tasks.evaluation.baselines import Baseline
from tasks.language.pairs import pad_right
from tasks.models.base_models import LocatedModel, context_of, locate
from tasks.models.generators import generator_tokenizer, load_generator
from tasks.texts import PAIR
from tasks.training.arms import SHORTEST_ROOM, ArmSpec
from tasks.training.device import uses_gpu

ASKED = "untouched, asked in words"
TOKENS_AT_ONCE = 1024


def asked_model(config: SingleLabelCase) -> LocatedModel:
    """The decoder that is asked; refused before anything trains where it does not write.

    Raises:
        RequestError: no such model, or no decoder.
        ThawError: it has to be fetched and cannot be.
    """
    name = config.zero_shot.model
    located = locate(name or config.model.base, "zero_shot.model" if name else "model.base")
    try:
        _room(config, located, generator_tokenizer(located))
    except RequestError as error:
        raise RequestError(
            f"zero_shot.ask asks a decoder, which this cannot be: {error} Name another in "
            "zero_shot.model, or set zero_shot.ask=false."
        ) from error
    return located


def _room(
    config: SingleLabelCase, located: LocatedModel, tokenizer: PreTrainedTokenizerBase
) -> int:
    """Tokens that the decoder has for a text, beside the question and the answer."""
    context, words = context_of(located), config.zero_shot.words.values()
    if context is None:
        return config.model.max_length
    beside = max(
        len(tokenizer(f"{config.zero_shot.question} {word}")["input_ids"]) for word in ("", *words)
    )
    if context - beside < SHORTEST_ROOM:
        raise RequestError(
            f"zero_shot.question takes {beside} of the {context} tokens that {located.name} reads."
        )
    return min(config.model.max_length, context - beside)


def words_of_labels(words: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """What is answered for each label.

    Raises:
        RequestError: words for no label of the case, or the same for two.
    """
    if strange := sorted(set(words) - set(labels)):
        raise RequestError(
            f"zero_shot.words has words for {strange[0]!r}, which is no label here: the labels are "
            f"{', '.join(labels)}."
        )
    found = [words.get(label, label).strip() for label in labels]
    if len(set(found)) < len(found) or not all(found):
        raise RequestError(
            f"zero_shot.words needs other words for each label, and has {', '.join(found)}."
        )
    return found


def ask_decoder(config: SingleLabelCase, spec: ArmSpec) -> Baseline:
    """Probabilities of each label for validation and test, by the decoder as it is."""
    located, started = asked_model(config), time.perf_counter()
    model, tokenizer = load_generator(located)
    if uses_gpu():
        model.cuda()
    words = words_of_labels(config.zero_shot.words, spec.labels)
    room = _room(config, located, tokenizer)
    answers = []
    for part in (spec.validation, spec.test):
        whole = [text.replace(PAIR, "\n") for text in part.read(["text"])["text"]]
        texts = _cut(whole, tokenizer, room)
        prompts = [config.zero_shot.question.replace("{text}", text) for text in texts]
        scores = log_likelihoods(model.eval(), tokenizer, prompts, words)
        shares = np.exp(scores - scores.max(1, keepdims=True))
        answers.append((shares / shares.sum(1, keepdims=True)).astype(np.float32))
    validation, test = answers
    return Baseline(validation, test, time.perf_counter() - started, 0, {})


@torch.inference_mode()
def log_likelihoods(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answers: Sequence[str],
) -> np.ndarray:
    """How probable each answer is behind each prompt, a space before it: (prompts, answers), nats.

    Answers that differ in their last token alone take one pass for all of them.
    """
    asked = tokenizer(list(prompts))["input_ids"]
    said = [tokenizer(f" {answer}", add_special_tokens=False)["input_ids"] for answer in answers]
    found = np.zeros((len(prompts), len(answers)))
    order = sorted(range(len(prompts)), key=lambda row: len(asked[row]))
    for before in dict.fromkeys(tuple(ids[:-1]) for ids in said):
        sharing = [place for place, ids in enumerate(said) if tuple(ids[:-1]) == before]
        for rows in _batches(order, [len(ids) + len(before) for ids in asked]):
            texts = [[*asked[row], *before] for row in rows]
            # What stands behind the last token is not seen by what stands before it.
            ids = pad_right(texts, 0)
            mask = pad_right([[1] * len(text) for text in texts], 0)
            logits = model(
                input_ids=ids.to(model.device), attention_mask=mask.to(model.device)
            ).logits
            for place, row in enumerate(rows):
                start = len(asked[row]) - 1
                nats = logits[place, start : start + len(before) + 1].float().log_softmax(-1).cpu()
                for answer in sharing:
                    steps = nats[torch.arange(len(said[answer])), torch.tensor(said[answer])]
                    found[row, answer] = float(steps.double().sum())
    return found


def _batches(order: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Rows of like length, of so many tokens at a time that their logits stay small."""
    batches: list[list[int]] = []
    for row in order:
        if batches and lengths[row] * (len(batches[-1]) + 1) <= TOKENS_AT_ONCE:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _cut(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, room: int) -> list[str]:
    """Texts as arms read them: without what is longer than so many tokens."""
    ids = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [
        text if len(row) <= room else str(tokenizer.decode(row[:room]))
        for text, row in zip(texts, ids, strict=True)
    ]
