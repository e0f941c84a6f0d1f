"""What a policy case cannot do is refused before anything is trained."""

import pyarrow as pa

from tasks.config import PolicyCase, TrainingConfig
from tasks.errors import RequestError
from tasks.ingestion.usable import Usable
from tasks.kinds.policy.building import read_prompts
from tasks.kinds.refusing import require_judge
from tasks.language.writing import encodes_and_decodes, writing_tokenizer
from tasks.models.base_models import LocatedModel, context_of
from tasks.storage import TableRef, put_table

TOO_LONG = "prompt too long"
_INSTEAD = {
    "learning_rate": "rl.learning_rate",
    "lora_learning_rate": "rl.learning_rate",
    "epochs": "rl.steps",
    "batch_size": "rl.batch_size",
    "max_grad_norm": "rl.max_grad_norm",
    "precision": "rl.precision",
}
_READ = {"select_by", "trunk", "share"}  # by the comparison, the check of strategies, the plan


def with_parts_shown(config: PolicyCase) -> PolicyCase:
    """The case with each part of the reward in its table, where there are several.

    Rewards can be overridden; tables that name their parts would have to be too.
    """
    parts = [f"reward_{reward.title}" for reward in config.rewards]
    shown = [*(parts if len(parts) > 1 else ()), *config.evaluation.table]
    evaluation = config.evaluation.model_copy(update={"table": tuple(dict.fromkeys(shown))})
    return config.model_copy(update={"evaluation": evaluation})


def check_policy(config: PolicyCase) -> None:
    """Refuse fields that mean nothing where a model learns from rewards.

    Raises:
        RequestError: the first of them.
    """
    usual = TrainingConfig()
    for field in TrainingConfig.model_fields:
        if field not in _READ and getattr(config.training, field) != getattr(usual, field):
            instead = f": use {_INSTEAD[field]}" if field in _INSTEAD else ""
            raise RequestError(
                f"training.{field} has no effect in {config.case}, which learns from rewards"
                f"{instead}."
            )
    if config.language.pretrain_on is not None:
        raise RequestError(
            f"language.pretrain_on has no effect in {config.case}: train a case that writes on it, "
            "and name what that registers in model.base."
        )
    if config.language.encoder is not None:
        raise RequestError(
            f"language.encoder has no effect in {config.case}: what learns from rewards has no "
            "given answers to compare its own with."
        )
    titles = [reward.title for reward in config.rewards]
    if not titles:
        raise RequestError(f"{config.case} has no rewards to learn from: give at least one.")
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise RequestError(f"Two rewards are named {twice[0]}: give each a name of its own.")
    require_judge(config, ("reward", "greedy_reward", *(f"reward_{title}" for title in titles)))


def check_start(config: PolicyCase, base: LocatedModel) -> None:
    """Refuse an algorithm that the model cannot learn with.

    Raises:
        RequestError: with the reason.
    """
    if config.rl.algorithm != "ppo":
        from tasks.kinds.policy.with_trl import check_algorithm  # TRL takes seconds to import

        check_algorithm(config.rl.algorithm, encodes_and_decodes(base))


def fitting_prompts(
    examples: TableRef, usable: Usable, config: PolicyCase, base: LocatedModel
) -> tuple[TableRef, Usable]:
    """The rows whose prompts leave room for an answer, and the report with those that do not.

    Raises:
        RequestError: a prompt is too long, and `data.on_bad_line` says to end the run.
    """
    encoder = encodes_and_decodes(base)
    room, context = config.model.max_length, context_of(base)
    if context is not None:
        room = min(room, context if encoder else context - config.rl.max_new_tokens)
    part = read_prompts(examples, config.language, writing_tokenizer(base), encoder)
    lengths = [len(query.ids) for query in part.queries]
    kept = [place for place, length in enumerate(lengths) if length <= room]
    if len(kept) == len(lengths):
        return examples, usable
    if config.data.on_bad_line == "raise":
        place = next(place for place, length in enumerate(lengths) if length > room)
        raise RequestError(
            f"The prompt of row {part.ids[place]} has {lengths[place]} tokens, and there is room "
            f"for {room} (model.max_length={config.model.max_length}; the model's context holds "
            f"{context or 'any number'}, {config.rl.max_new_tokens} new ones included): shorten "
            "it, or leave such rows out with data.on_bad_line=skip."
        )
    left = put_table(
        pa.Table.from_pandas(examples.read(), preserve_index=False).take(pa.array(kept)),
        examples.origin,
    )
    dropped = usable.dropped | {TOO_LONG: len(lengths) - len(kept)}
    return left, usable.model_copy(update={"kept": len(kept), "dropped": dropped})
