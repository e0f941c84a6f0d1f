"""Training one policy arm from its specification to its outcome, with resume at every point.

The counterpart of `tasks/training/run.py` for cases that learn from rewards: the same strategies
say what of the policy trains, and the arm's folder holds the same files when it is done.
"""

from collections.abc import Callable, Iterable

from transformers import set_seed

from tasks.config import RLConfig
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import table_metrics
from tasks.language.tail import WholeLanguageModel
from tasks.models.adapting import merge_lora
from tasks.rl.answering import answer_table, drawn_answers, greedy_answers
from tasks.rl.building import PromptPart, load_start, policy_on, read_prompts, settings_of
from tasks.rl.checkpoint import Progress
from tasks.rl.policy import Policy
from tasks.rl.reward_models import build_rewards
from tasks.rl.rewards import Reward
from tasks.rl.watching import Watch, curve_of
from tasks.training.arms import ArmSpec
from tasks.training.callbacks import LastStep, LogMetrics
from tasks.training.device import PeakMemory
from tasks.training.freezing import Freezing, freeze
from tasks.training.keeping import (
    full_disk_explained,
    keep_outcome,
    require_disk,
    save_trained,
    standing_outcome,
)
from tasks.training.trunk import PARTS
from tasks.training.trunk_pass import Depth

STATE = "checkpoint-rl"
"""The folder that a killed arm resumes from; goes with the other checkpoints when it is done."""
NO_BETTER = "No checkpoint within the KL budget earned more than the start: it is the start itself."


def train_policy_arm(
    spec: ArmSpec,
    run_id: str,
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one arm; its validation prompts select the checkpoint, and its
    test prompts are answered after that.

    Arguments and errors are those of `tasks.training.run.train_arm`.
    """
    if done := standing_outcome(spec, force):
        return done
    config, language = settings_of(spec)
    rewards = build_rewards(spec.rewards, spec.reward_digests)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        model, tokenizer = load_start(spec)
        encoder = bool(model.config.is_encoder_decoder)
        parts = {
            name: read_prompts(getattr(spec, name), language, tokenizer, encoder) for name in PARTS
        }
        whole = WholeLanguageModel(model)
        freezing = freeze(whole, spec.strategy)
        require_disk(spec, freezing)
        policy = policy_on(whole.plain, tokenizer, config)
        (spec.folder / STATE).mkdir(parents=True, exist_ok=True)
        with full_disk_explained(spec):
            watch = Watch(
                spec.title, config.steps, log, logged_until, spec.folder / STATE / "seconds.json"
            )
            try:
                progress = _learn(policy, parts, rewards, config, spec, watch)
            finally:
                watch.close()
        saved_bytes = save_trained(spec, whole)
    drawn = {name: drawn_answers(policy, parts[name], rewards, config) for name in PARTS[1:]}
    if spec.strategy.lora_rank:
        merge_lora(whole.backbone)
    greedy = greedy_answers(policy, parts["test"], rewards, language)
    tables = {
        name: answer_table(
            parts[name],
            drawn[name],
            f"{spec.title} on {name}",
            greedy if name == "test" else None,
        )
        for name in drawn
    }
    metrics = {
        f"{short}/{metric}": value
        for name, short in (("validation", "val"), ("test", "test"))
        for metric, value in table_metrics(tables[name]).items()
    }
    seconds = watch.seconds(progress.step)
    outcome = Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=metrics
        | _costs(freezing, policy, progress, config, seconds)
        | {"cost/peak_memory_mb": memory.megabytes, "cost/saved_bytes": float(saved_bytes)},
        validation=tables["validation"],
        test=tables["test"],
        curve=curve_of(progress, _prompts_a_step(config) / len(parts["train"].ids)),
        folder=str(spec.folder),
        note=progress.stopped or ("" if progress.best else NO_BETTER),
    )
    keep_outcome(spec, outcome)
    return outcome


def _learn(
    policy: Policy,
    parts: dict[str, PromptPart],
    rewards: list[Reward],
    config: RLConfig,
    spec: ArmSpec,
    watch: Watch,
) -> Progress:
    train: Callable[..., Progress]
    if config.algorithm == "ppo":
        from tasks.rl.training import train
    else:  # TRL takes seconds to import
        from tasks.rl.with_trl import train_with_trl as train
    queries, held_out = parts["train"].queries, parts["validation"].queries
    return train(policy, queries, held_out, rewards, config, spec.folder / STATE, watch)


def _prompts_a_step(config: RLConfig) -> float:
    """RLOO and GRPO answer each prompt several times."""
    return config.batch_size / (1 if config.algorithm == "ppo" else config.generations)


def _costs(
    freezing: Freezing, policy: Policy, progress: Progress, config: RLConfig, seconds: float
) -> dict[str, float]:
    """Parameters, seconds, answers a second, and how far the run came."""
    head = sum(value.numel() for value in policy.value_head.parameters())
    trainable, total = freezing.trainable + head, freezing.total + head
    return {
        "cost/trainable_parameters": float(trainable),
        "cost/total_parameters": float(total),
        "cost/trainable_share": trainable / total,
        "cost/train_seconds": seconds,
        "cost/examples_per_second": progress.step * config.batch_size / max(seconds, 1e-9),
        "cost/steps": float(progress.step),
        "cost/best_step": float(progress.best),
    }
