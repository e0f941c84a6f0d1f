"""What a ranking case cannot do is refused before anything is read or trained."""

from tasks.config import RankingCase
from tasks.errors import RequestError
from tasks.kinds.refusing import require_judge
from tasks.models.base_models import LocatedModel
from tasks.models.loading import load_tokenizer

JUDGED = ("pair_accuracy", "pair_accuracy_matched", "loss")
"""Figures by which two reward models compare; margins do not, each has a scale of its own."""


def check_ranking(config: RankingCase) -> None:
    """Refuse fields that mean nothing where a model ranks.

    Raises:
        RequestError: the first of them.
    """
    training, model = config.training, config.model
    no_effect = {
        "training.backend": (training.backend != "local", "local", "it trains here"),
        "training.class_weights": (training.class_weights, "false", "there are no labels"),
        "training.start_from_head": (training.start_from_head, "false", "there are no labels"),
        "model.head": (model.head == "tokens", "linear", "a reward is no word"),
        "model.prompt_end": (bool(model.prompt_end), '""', "the answer comes last"),
    }
    for field, (given, instead, reason) in no_effect.items():
        if given:
            section, _, name = field.partition(".")
            value = getattr(getattr(config, section), name)
            raise RequestError(
                f"{field}={str(value).lower()} does not go with {config.case}, since {reason}: "
                f"use {instead}."
            )
    require_judge(config, JUDGED)


def check_reads_pairs(config: RankingCase, located: LocatedModel) -> None:
    """Refuse a base model that reads no pairs.

    Raises:
        RequestError: with what to use instead.
    """
    if not load_tokenizer(located).num_special_tokens_to_add(pair=True):
        raise RequestError(
            f"model.base={config.model.base} reads no sentence pairs, since its tokenizer puts "
            "nothing between a question and an answer: use an encoder (minilm, roberta-base)."
        )
