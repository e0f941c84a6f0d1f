"""Models that a sweep of policies did not train, answering the same prompts with the same draws."""

import numpy as np

from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import table_metrics
from tasks.kinds.policy.answering import answer_table, drawn_answers, greedy_answers
from tasks.kinds.policy.building import policy_on, read_prompts, settings_of
from tasks.kinds.policy.reward_models import build_rewards
from tasks.kinds.writing.package import Writer
from tasks.language.writing import load_writing
from tasks.registry.stages import locate_start
from tasks.training.arms import ArmSpec


def start_name(base: str) -> str:
    """How tables call the model that the arms start from."""
    return f"start: {base}"


def untouched_base_name(base: str) -> str:
    """How tables call the model that the start itself was trained from."""
    return f"untouched {base}"


def untrained_policy_outcome(
    spec: ArmSpec, base: str, digest: str, name: str, run_id: str
) -> Outcome:
    """Let a model answer validation and test as it is.

    Args:
        spec: any arm of the sweep, for the prompts, the rewards and how answers are drawn.
        base, digest: the model, as `model.base` names it, and its digest.
        name: how tables call it.
        run_id: the tracking run that will hold the evidence.

    Raises:
        ThawError: the model cannot be loaded, or a reward is not a number.
    """
    config, language = settings_of(spec)
    rewards = build_rewards(spec.rewards, spec.reward_digests)
    model, tokenizer = load_writing(locate_start(base, digest))
    policy = policy_on(model.requires_grad_(False), tokenizer, config)
    is_start = (base, digest) == (spec.model.base, spec.base_digest)
    metrics, tables = {"cost/trainable_parameters": 0.0}, {}
    for part, short in (("validation", "val"), ("test", "test")):
        prompts = read_prompts(
            getattr(spec, part), language, tokenizer, bool(model.config.is_encoder_decoder)
        )
        drawn = drawn_answers(policy, prompts, rewards, config)
        greedy = greedy_answers(policy, prompts, rewards, language) if part == "test" else None
        tables[part] = answer_table(prompts, drawn, f"{name} on {part}", greedy, is_start)
        figures = table_metrics(tables[part])
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=name,
        kind="baseline",
        run_id=run_id,
        metrics=metrics,
        validation=tables["validation"],
        test=tables["test"],
    )


def writer_figure(writer: Writer, spec: ArmSpec, metric: str) -> float:
    """A test figure of a registered model, under the rewards and with the draws of an arm.

    Args:
        writer: the model, which is asked in its own prompt.
        spec: the arm.
        metric: of `scored.METRICS`, or `reward_<name>`; not the KL, which has no meaning here.
    """
    config, language = settings_of(spec)
    spoken = writer.info.language.model_copy(
        update={"max_new_tokens": language.max_new_tokens, "batch_size": language.batch_size}
    )
    rewards = build_rewards(spec.rewards, spec.reward_digests)
    model = writer.model.requires_grad_(False)
    policy = policy_on(model, writer.tokenizer, config)
    prompts = read_prompts(
        spec.test, spoken, writer.tokenizer, bool(model.config.is_encoder_decoder)
    )
    table = answer_table(
        prompts,
        drawn_answers(policy, prompts, rewards, config),
        f"{writer.info.case} {writer.info.arm_key} on test",
        greedy_answers(policy, prompts, rewards, spoken) if metric == "greedy_reward" else None,
        has_reference=False,
    )
    return table_metrics(table).get(metric, float(np.nan))
