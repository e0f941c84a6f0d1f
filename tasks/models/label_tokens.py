"""Labels as tokens: a decoder that answers a prompt with the token of one of them."""

from functools import lru_cache

from torch import Tensor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.models.base_models import LocatedModel
from tasks.models.generators import load_generator


def label_token(label: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """The one token that stands for a label behind a prompt: with a space before it, or without.

    Raises:
        RequestError: the label is several tokens either way.
    """
    for text in (f" {label}", label):
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) == 1:
            return ids[0]
    raise RequestError(
        f"model.head=tokens needs labels of one token, and {label!r} is several for this base "
        "model: use data.rename_labels to give it a shorter name."
    )


def label_tokens(labels: tuple[str, ...], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The token of each label.

    Raises:
        RequestError: a label is several tokens, or two are the same one.
    """
    found = {label: label_token(label, tokenizer) for label in labels}
    if len(set(found.values())) < len(found):
        raise RequestError(
            f"model.head=tokens needs labels that differ in their token: {', '.join(labels)} "
            "do not."
        )
    return list(found.values())


@lru_cache(maxsize=4)
def label_rows(located: LocatedModel, labels: tuple[str, ...]) -> Tensor:
    """The language model's output rows of the labels' tokens, (labels, width) in float32.

    Raises:
        RequestError: the base model is no decoder, or the labels are not one token each.
        ThawError: its files hold no output layer.
    """
    model, tokenizer = load_generator(located)
    weight: Tensor = model.get_output_embeddings().weight
    return weight.detach()[label_tokens(labels, tokenizer)].clone()
