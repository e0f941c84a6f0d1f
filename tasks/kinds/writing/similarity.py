"""How near an answer's meaning comes to the given one's: the cosine of a vector of each text.

A text's vector is the mean of a frozen model's last hidden states over its tokens, which is what
Sentence-BERT compares (Reimers and Gurevych 2019, arXiv 1908.10084); that a pretrained model's
states know words that mean the same is BERTScore's idea (Zhang et al. 2020, arXiv 1904.09675),
which pairs tokens instead. Words in another order, a negation or another number change it little:
it tells answers about something else from answers to the point, not right ones from wrong ones.

How high it is depends on the model. Twelve invented pairs that say the same in other words had .66
on average by `minilm`, which was trained for this, and unrelated ones .07; by SmolLM2, which was
not, .90 and .74. So it compares arms, and means nothing by itself.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModel

from tasks.errors import RequestError
from tasks.language.pairs import pad_right
from tasks.models.base_models import LocatedModel, context_of
from tasks.models.classifier import pool
from tasks.models.loading import load_tokenizer, load_weights
from tasks.models.tracing import decodes_too
from tasks.training.batching import token_ids
from tasks.training.device import uses_gpu

MOST_TOKENS = 512
"""Of a text, or fewer where the model has no positions for them: the rest is not compared."""
AT_ONCE = 16


def similarity(
    expected: Sequence[str], texts: Sequence[str], located: LocatedModel
) -> dict[str, np.ndarray]:
    """`similarity` of each text with the one that was to be written, -1 to 1, float64 (n,).

    An empty text has 0 with any other.

    Args:
        expected: what was to be written.
        texts: what was.
        located: the model that reads both; it is loaded here and let go again.

    Raises:
        RequestError, ThawError: it cannot be loaded.
    """
    wanted, given = np.split(_vectors([*expected, *texts], located), 2)
    sizes = np.linalg.norm(wanted, axis=1) * np.linalg.norm(given, axis=1)
    said = np.array([bool(text.strip()) for text in texts], dtype=np.float64)
    return {"similarity": said * (wanted * given).sum(1) / np.maximum(sizes, 1e-12)}


def check_encoder(located: LocatedModel) -> None:
    """Refuse, before anything trains, a model that does not read texts here.

    Raises:
        RequestError: with the reason.
    """
    try:
        similarity(["One."], ["Another."], located)
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise RequestError(
            f"language.encoder={located.name} does not read texts here ({error}): name an encoder "
            "of texts, such as minilm."
        ) from error


@torch.inference_mode()
def _vectors(texts: Sequence[str], located: LocatedModel) -> np.ndarray:
    """(texts, width): the mean of the last states over each text's tokens."""
    tokenizer = load_tokenizer(located)
    model = load_weights(AutoModel, located, None).eval()
    model = model.get_encoder() if decodes_too(model) else model
    if uses_gpu():
        model.cuda()
    ids, _ = token_ids(list(texts), tokenizer, min(context_of(located) or MOST_TOKENS, MOST_TOKENS))
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    found: dict[int, np.ndarray] = {}
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        mask = pad_right([[1] * len(ids[row]) for row in rows], 0)
        batch = pad_right([ids[row] for row in rows], int(tokenizer.pad_token_id or 0))
        batch, mask = batch.to(model.device), mask.to(model.device)
        states = model(input_ids=batch, attention_mask=mask).last_hidden_state
        means = pool(states.float(), mask, "mean").cpu().numpy().astype(np.float64)
        found.update(zip(rows, means, strict=True))
    return np.stack([found[row] for row in range(len(ids))])
