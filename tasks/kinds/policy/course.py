"""The course of a run, whatever learns in it: measured, watched, its best kept, resumed.

PPO (`training.py`) and TRL's trainers (`with_trl.py`) differ in how a step learns. All else stands
here once, so that their runs stand side by side in one comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tasks.config import RLConfig
from tasks.errors import RequestError
from tasks.kinds.policy.checkpoint import (
    Progress,
    fingerprint,
    load_best,
    load_state,
    save_best,
    save_state,
)
from tasks.kinds.policy.guards import Guard
from tasks.kinds.policy.held_out import measure
from tasks.kinds.policy.kl_control import KLControl
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward, check_rewards
from tasks.kinds.policy.rollout import Query, Sampled, check_queries, figures_of
from tasks.kinds.policy.update import make_optimizer, set_learning_rates

LogStep = Callable[[dict[str, float], int], None]
"""Named figures and the step that they belong to, counted from 1; 0 is before training."""


def rows_of_step(step: int, rows: int, batch_size: int, seed: int) -> list[int]:
    """Which rows a step answers: a new seeded order for each pass over all of them.

    A function of the step alone, so that a resumed run needs to know nothing else.
    """
    places = range(step * batch_size, (step + 1) * batch_size)
    passes = sorted({place // rows for place in places})
    order = {number: np.random.default_rng([seed, number]).permutation(rows) for number in passes}
    return [int(order[place // rows][place % rows]) for place in places]


@dataclass
class Course:
    """A run from its first step, or from where a killed one was saved, to its best weights.

    Arguments are those of `training.train`. Whoever learns asks `going`, draws and scores with
    `draws`, orders with `order`, and ends each step with `end_step`.

    Attributes:
        optimizer: over what trains of the policy, where the run stands.
        draws: on the policy's device, for the answers.
        order: on the CPU, for the order in which they are learnt from.
        control: of the KL penalty's coefficient.
        progress: how far the run is.
    """

    policy: Policy
    queries: Sequence[Query]
    held_out: Sequence[Query]
    rewards: Sequence[Reward]
    config: RLConfig
    folder: Path
    log: LogStep | None = None

    def __post_init__(self) -> None:
        config = self.config
        self._check()
        self.policy.eval()
        self.optimizer = make_optimizer(self.policy, *config.learning_rates)
        self.draws = torch.Generator(self.policy.device).manual_seed(config.seed)
        self.order = torch.Generator().manual_seed(config.seed)
        self._key = fingerprint(self.policy, self.queries, self.held_out, self.rewards, config)
        found = load_state(self.folder, self._key, self.policy, self.optimizer, self._generators)
        self.progress = found or Progress(coefficient=config.kl_coefficient)
        if found is None:
            self._hold_out()
            self._save()
        progress = self.progress
        set_learning_rates(self.optimizer, config, progress.step)
        self.control = KLControl(progress.coefficient, config.kl_target, config.kl_horizon)
        self._guard = Guard(config, progress.held_out[0], dict(progress.exceeded))

    def _check(self) -> None:
        check_rewards(self.rewards)
        for kind, given in (("learn from", self.queries), ("hold out", self.held_out)):
            if not given:
                raise RequestError(f"There are no prompts to {kind}: give at least one.")
            check_queries(self.policy, given, self.config.max_new_tokens)

    @property
    def _generators(self) -> tuple[torch.Generator, ...]:
        return self.draws, self.order

    @property
    def going(self) -> bool:
        """Whether there is a step left to do."""
        return self.progress.step < self.config.steps and self.progress.stopped is None

    def figures(self, sampled: Sampled) -> dict[str, float]:
        """What is logged of a step's answers, whatever learns from them."""
        return figures_of([sampled]) | {
            "kl_coefficient": self.control.coefficient,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }

    def end_step(self, figures: dict[str, float]) -> None:
        """Steer the penalty and the learning rate, watch, log; measure and save when it is time."""
        progress, config = self.progress, self.config
        self.control.update(figures["kl"], config.batch_size)
        progress.curve.append(figures)
        progress.step += 1
        set_learning_rates(self.optimizer, config, progress.step)
        progress.coefficient = self.control.coefficient
        progress.stopped = self._guard.look(progress.step, figures)
        progress.exceeded = self._guard.exceeded
        self._log("train", figures)
        if not self.going or progress.step % config.held_out_every == 0:
            self._hold_out()
        if not self.going or progress.step % config.save_every == 0:
            self._save()

    def end(self) -> Progress:
        """Leave the policy with its best weights."""
        load_best(self.folder, self.progress.best, self.policy)
        return self.progress

    def _hold_out(self) -> None:
        """Measure, and keep the weights if they are the best within the budget."""
        progress = self.progress
        self.policy.eval()
        figures = measure(self.policy, self.held_out, self.rewards, self.config).figures
        self._log("held_out", figures)
        best = next((seen for seen in progress.held_out if seen["step"] == progress.best), None)
        progress.held_out.append({"step": progress.step} | figures)
        if best is None or (
            figures["reward"] > best["reward"] and figures["kl"] <= self.config.kl_budget
        ):
            progress.best = progress.step
            save_best(self.folder, progress.step, self.policy)

    def _log(self, group: str, figures: dict[str, float]) -> None:
        if self.log is not None:
            named = {f"{group}/{name}": value for name, value in figures.items()}
            self.log(named, self.progress.step)

    def _save(self) -> None:
        save_state(
            self.folder, self._key, self.progress, self.policy, self.optimizer, self._generators
        )
