"""Answers with the probability of each of their tokens, and what the model looked at."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from tasks.errors import RequestError
from tasks.kinds.pictures.model.model import IGNORED, Memory, MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.models.anatomy import context_length


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        text: without special tokens.
        tokens: its tokens, the end token last.
        log_probabilities: the natural logarithm of each token's probability, given those before
            it; the last is the end token's. Where generation was cut off before its end, that is
            the probability with which the answer would have ended there.
        stopped: ended by itself.
    """

    text: str
    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    stopped: bool


@torch.inference_mode()
def answer_batch(
    model: MultimodalModel,
    processor: MultimodalProcessor,
    inputs: dict[str, Tensor],
    max_new_tokens: int = 16,
    beams: int = 1,
) -> list[Answer]:
    """Answer a batch of questions; the encoders run once.

    Probabilities come from one more pass of the decoder over the finished answers, so that they
    mean the same for greedy answers and for beams.

    Args:
        model: of any precision, in any mode; it is put back into the mode it came in.
        processor: the model's.
        inputs: the arguments of `MultimodalModel.encode`, on the model's device.
        max_new_tokens: of an answer with its end token.
        beams: 1 is greedy.

    Raises:
        RequestError: more tokens than the decoder has positions for.
    """
    positions = context_length(model.config.decoder)
    if positions is not None and max_new_tokens >= positions:
        raise RequestError(
            f"Answers of {max_new_tokens} tokens do not fit into the decoder's {positions} "
            f"positions, the begin token included: ask for at most {positions - 1}."
        )
    training = model.training
    model.eval()
    try:
        memory = model.encode(**inputs)
        written = model.generate(
            memory=memory, max_new_tokens=max_new_tokens, num_beams=beams, do_sample=False
        )
        end = model.config.eos_token_id
        rows = [_until(row, end) for row in written[:, 1:].tolist()]
        labels = _padded([[*row, end] for row, _ in rows]).to(written.device)
        chances = _token_log_probabilities(model, memory, labels)
    finally:
        model.train(training)
    return [
        Answer(processor.write_answer(row), (*row, end), tuple(chance[: len(row) + 1]), stopped)
        for (row, stopped), chance in zip(rows, chances.tolist(), strict=True)
    ]


@torch.inference_mode()
def looked_at(model: MultimodalModel, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
    """Where the decoder's cross-attention lies while it writes, mean over layers and heads.

    Args:
        model: with `attn_implementation="eager"`, which alone keeps the weights.
        inputs: the arguments of `MultimodalModel.encode`.
        labels: (batch, tokens) of the answers.

    Returns:
        (batch, tokens, places): for each token that is written the share of each text token and
        patch; a row adds up to 1.
    """
    if model.decoder.config._attn_implementation != "eager":
        raise ValueError("only eager attention gives its weights: set_attn_implementation('eager')")
    output = model(**inputs, labels=labels, output_attentions=True)
    return torch.stack(output.cross_attentions).mean((0, 2))


def _until(tokens: list[int], end: int) -> tuple[list[int], bool]:
    """The tokens before the end token, and whether there is one."""
    return (tokens[: tokens.index(end)], True) if end in tokens else (tokens, False)


def _padded(rows: list[list[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows])


def _token_log_probabilities(model: MultimodalModel, memory: Memory, labels: Tensor) -> Tensor:
    """(batch, tokens); what stands at padding means nothing."""
    states = BaseModelOutput(last_hidden_state=memory.states)
    output = model(encoder_outputs=states, memory_mask=memory.mask, labels=labels)
    logs = output.logits.float().log_softmax(-1)
    return logs.gather(2, labels.clamp_min(0).unsqueeze(2)).squeeze(2)
