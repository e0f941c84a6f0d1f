"""The loop: draw, score, learn with PPO; resumed after a kill as if there was none."""

from collections.abc import Sequence
from pathlib import Path

from tasks.config import RLConfig
from tasks.kinds.policy.checkpoint import Progress
from tasks.kinds.policy.course import Course, LogStep, rows_of_step
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward
from tasks.kinds.policy.rollout import Query, collect, explained_variance, sample
from tasks.kinds.policy.update import learn


def train(
    policy: Policy,
    queries: Sequence[Query],
    held_out: Sequence[Query],
    rewards: Sequence[Reward],
    config: RLConfig,
    folder: Path,
    log: LogStep | None = None,
) -> Progress:
    """Teach a policy with PPO, and leave it with its best weights, never simply the last.

    The best are those with the highest mean reward on the held-out prompts among all whose KL
    from the reference there is within `kl_budget`; the untrained ones are among them. The same
    call after a kill goes on from the last saved step and gives the same curve.

    Args:
        policy: as it is before training, on the device it is to use.
        queries: prompts to learn from; each is answered once before any is answered twice.
        held_out: prompts that measure and select.
        rewards: parts of the reward.
        config: how; `precision` is the policy's own business.
        folder: for the state and the best weights, this run's alone.
        log: gets `train/…` after each step and `held_out/…` after each measurement; a resumed
            run logs the steps since the last saved one again, with the same figures.

    Returns:
        The whole course of the run.

    Raises:
        RequestError: a prompt does not fit, there are none, or the folder is another run's.
        ThawError: a reward or the loss is not a number.
    """
    course = Course(policy, queries, held_out, rewards, config, folder, log)
    while course.going:
        course.end_step(_step(course))
    return course.end()


def _step(course: Course) -> dict[str, float]:
    """Draw and score one batch of answers, learn from it; its figures."""
    policy, config = course.policy, course.config
    rows = rows_of_step(course.progress.step, len(course.queries), config.batch_size, config.seed)
    queries = [course.queries[row] for row in rows]
    sampled = sample(policy, queries, course.rewards, config, course.draws)
    rollout = collect(sampled, course.control.coefficient, config)
    return (
        course.figures(sampled)
        | {"explained_variance": explained_variance(rollout)}
        | learn(policy, course.optimizer, rollout, config, course.order)
    )
