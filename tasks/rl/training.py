"""The loop: draw, score, learn, watch, keep the best; resumed after a kill as if there was none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tasks.config import RLConfig
from tasks.errors import RequestError
from tasks.rl.checkpoint import (
    Progress,
    fingerprint,
    load_best,
    load_state,
    save_best,
    save_state,
)
from tasks.rl.guards import Guard
from tasks.rl.held_out import measure
from tasks.rl.kl_control import KLControl
from tasks.rl.policy import Policy
from tasks.rl.rewards import Reward, check_rewards
from tasks.rl.rollout import Query, check_queries, collect, explained_variance, figures_of, sample
from tasks.rl.update import learn, make_optimizer

LogStep = Callable[[dict[str, float], int], None]
"""Named figures and the step that they belong to, counted from 1; 0 is before training."""


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
    _check(policy, queries, held_out, rewards, config)
    run = _Run(policy, queries, held_out, rewards, config, folder, log or (lambda *_: None))
    return run.to_the_end()


def _check(
    policy: Policy,
    queries: Sequence[Query],
    held_out: Sequence[Query],
    rewards: Sequence[Reward],
    config: RLConfig,
) -> None:
    check_rewards(rewards)
    for kind, given in (("learn from", queries), ("hold out", held_out)):
        if not given:
            raise RequestError(f"There are no prompts to {kind}: give at least one.")
        check_queries(policy, given, config.max_new_tokens)


def rows_of_step(step: int, rows: int, batch_size: int, seed: int) -> list[int]:
    """Which rows a step answers: a new seeded order for each pass over all of them.

    A function of the step alone, so that a resumed run needs to know nothing else.
    """
    places = range(step * batch_size, (step + 1) * batch_size)
    passes = sorted({place // rows for place in places})
    order = {number: np.random.default_rng([seed, number]).permutation(rows) for number in passes}
    return [int(order[place // rows][place % rows]) for place in places]


@dataclass
class _Run:
    policy: Policy
    queries: Sequence[Query]
    held_out: Sequence[Query]
    rewards: Sequence[Reward]
    config: RLConfig
    folder: Path
    log: LogStep

    def __post_init__(self) -> None:
        config = self.config
        self.policy.eval()
        self.optimizer = make_optimizer(self.policy, config.learning_rate)
        self.draws = torch.Generator(self.policy.device).manual_seed(config.seed)
        self.order = torch.Generator().manual_seed(config.seed)
        self.key = fingerprint(self.policy, self.queries, self.held_out, self.rewards, config)
        found = load_state(self.folder, self.key, self.policy, self.optimizer, self._generators)
        self.progress = found or Progress(coefficient=config.kl_coefficient)
        if found is None:
            self._hold_out()
            self._save()
        progress = self.progress
        self.control = KLControl(progress.coefficient, config.kl_target, config.kl_horizon)
        self.guard = Guard(config, progress.held_out[0], dict(progress.exceeded))

    @property
    def _generators(self) -> tuple[torch.Generator, ...]:
        return self.draws, self.order

    def to_the_end(self) -> Progress:
        progress, config = self.progress, self.config
        while progress.step < config.steps and progress.stopped is None:
            figures = self._step()
            progress.curve.append(figures)
            progress.step += 1
            progress.coefficient = self.control.coefficient
            progress.stopped = self.guard.look(progress.step, figures)
            progress.exceeded = self.guard.exceeded
            self.log({f"train/{name}": value for name, value in figures.items()}, progress.step)
            ends = progress.step == config.steps or progress.stopped is not None
            if ends or progress.step % config.held_out_every == 0:
                self._hold_out()
            if ends or progress.step % config.save_every == 0:
                self._save()
        load_best(self.folder, progress.best, self.policy)
        return progress

    def _step(self) -> dict[str, float]:
        config = self.config
        rows = rows_of_step(self.progress.step, len(self.queries), config.batch_size, config.seed)
        sampled = sample(
            self.policy, [self.queries[row] for row in rows], self.rewards, config, self.draws
        )
        rollout = collect(sampled, self.control.coefficient, config)
        figures = figures_of([sampled])
        figures["kl_coefficient"] = self.control.coefficient
        figures["explained_variance"] = explained_variance(rollout)
        figures |= learn(self.policy, self.optimizer, rollout, config, self.order)
        self.control.update(figures["kl"], len(rows))
        return figures

    def _hold_out(self) -> None:
        """Measure, and keep the weights if they are the best within the budget."""
        progress = self.progress
        figures = measure(self.policy, self.held_out, self.rewards, self.config).figures
        self.log({f"held_out/{name}": value for name, value in figures.items()}, progress.step)
        best = next((seen for seen in progress.held_out if seen["step"] == progress.best), None)
        progress.held_out.append({"step": progress.step} | figures)
        if best is None or (
            figures["reward"] > best["reward"] and figures["kl"] <= self.config.kl_budget
        ):
            progress.best = progress.step
            save_best(self.folder, progress.step, self.policy)

    def _save(self) -> None:
        save_state(
            self.folder, self.key, self.progress, self.policy, self.optimizer, self._generators
        )
