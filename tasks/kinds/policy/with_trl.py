"""Learning from rewards with RLOO or GRPO: the same contract as `training.train`, through TRL."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.config import RLConfig
from tasks.errors import RequestError
from tasks.kinds.policy.checkpoint import Progress
from tasks.kinds.policy.course import Course, LogStep
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward
from tasks.kinds.policy.rollout import Query

if TYPE_CHECKING:
    from tasks.kinds.policy.trl_trainers import PolicyTrainer


def check_algorithm(algorithm: str, is_encoder_decoder: bool) -> None:
    """Refuse what TRL's trainers cannot teach; ask before anything is trained.

    Args:
        algorithm: `rl.algorithm`.
        is_encoder_decoder: of the model that is to learn.

    Raises:
        RequestError: an encoder-decoder is to learn with another algorithm than PPO.
    """
    if algorithm != "ppo" and is_encoder_decoder:
        raise RequestError(
            f"rl.algorithm={algorithm} is TRL's, whose trainers take decoders alone, and this "
            "base model is an encoder-decoder: use rl.algorithm=ppo, or a decoder as model.base."
        )


def train_with_trl(
    policy: Policy,
    queries: Sequence[Query],
    held_out: Sequence[Query],
    rewards: Sequence[Reward],
    config: RLConfig,
    folder: Path,
    log: LogStep | None = None,
) -> Progress:
    """Teach a decoder with RLOO or GRPO, and leave it with its best weights.

    Arguments, result, selection, guards and resuming are those of `training.train`. A step is
    the same too: `batch_size` answers are drawn and learnt from in `epochs` passes of
    mini-batches; they are `generations` to each of `batch_size / generations` prompts. The value
    head stays as it is.

    Logged under the same names as in PPO is what means the same. Others: `train/loss` is the
    algorithm's whole loss, and `train/clip/policy` is in RLOO the share of clipped answers, since
    it weighs an answer's tokens as one.

    Raises:
        RequestError: the policy is an encoder-decoder; and as `training.train`.
        ThawError: a reward or the loss is not a number.
    """
    check_algorithm(config.algorithm, is_encoder_decoder=not policy.shares_context)
    course = Course(policy, queries, held_out, rewards, config, folder, log)
    if course.going:
        trainer_of(course).train()
        policy.eval()
    return course.end()


def trainer_of(course: Course) -> "PolicyTrainer":
    """TRL's trainer for the steps that are left.

    Raises:
        RequestError: several GPUs are visible to this one process.
    """
    from tasks.kinds.policy.trl_trainers import (
        TRAINERS,  # TRL takes seconds, which a check need not wait for
    )

    return TRAINERS[course.config.algorithm](course, _settings(course))


def _settings(course: Course) -> dict[str, Any]:
    """What TRL's configuration of either trainer is made of."""
    config = course.config
    updates = config.batch_size // config.mini_batch_size * config.epochs  # a step
    return {
        "output_dir": str(course.folder),
        "max_steps": (config.steps - course.progress.step) * updates,
        "per_device_train_batch_size": config.answers_a_pass,
        "gradient_accumulation_steps": config.mini_batch_size // config.answers_a_pass,
        "generation_batch_size": config.batch_size,
        "num_generations": config.generations,
        "num_iterations": config.epochs,
        "max_completion_length": config.max_new_tokens,
        "epsilon": config.clip,
        "beta": 0.0,  # else TRL would look for a reference of its own; set before each step
        "reward_weights": [reward.weight for reward in course.rewards],
        "max_grad_norm": config.max_grad_norm,
        "shuffle_dataset": False,  # the rows come in the order of the steps
        "activation_checkpointing": False,
        "bf16": False,  # the policy's own business
        "use_cpu": course.policy.device.type == "cpu",
        "dataloader_pin_memory": course.policy.device.type != "cpu",
        "save_strategy": "no",  # `Course` saves what changes, and no more
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
        "seed": config.seed,
    }
