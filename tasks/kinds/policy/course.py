"""The course of a run, whatever learns in it: measured, watched, its best kept, resumed.

PPO (`training.py`) and TRL's trainers (`with_trl.py`) differ in how a step learns. All else stands
here once, so that their runs stand side by side in one comparison.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from tasks.kinds.policy.held_out import measure
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward, check_rewards
from tasks.kinds.policy.rollout import Query, Sampled, check_queries, figures_of
from tasks.kinds.policy.update import make_optimizer, set_learning_rates


@dataclass
class KLControl:
    """beta of `formulas.token_rewards`, which changes after each step where there is a target.

        e = clip(KL / target - 1, -0.2, 0.2)
        beta <- beta (1 + e n / horizon)

    Ziegler et al. 2019, section 2.2, where n is one batch and 1 / horizon its K_beta; n in
    answers, as in TRL, makes the speed independent of the batch's size.

    Attributes:
        coefficient: beta, which a resumed run takes over.
        target: nats an answer; None keeps the coefficient as it is.
        horizon: answers over which the largest error changes beta by a fifth.
    """

    coefficient: float
    target: float | None = None
    horizon: int = 10_000

    def update(self, kl: float, answers: int) -> None:
        """Take note of a step.

        Args:
            kl: mean over its answers of the KL from the reference, summed over tokens, in nats.
            answers: how many there were.
        """
        if self.target is not None:
            error = min(0.2, max(-0.2, kl / self.target - 1))
            self.coefficient *= 1 + error * answers / self.horizon


@dataclass
class Guard:
    """Watches the figures of each step's answers: has the run run away?

    Learning from a reward finds its flaws, and then nothing else. The run of the SAWYER chapter
    shows how (its saved log): within a thousand steps its answers became three times as long, at
    the reward model's ceiling and garbled; a thousand later they were two words long. Nothing
    watched, and the last checkpoint was kept.

    Attributes:
        config: the limits.
        before: figures of the held-out answers before training.
        exceeded: limit -> for how many steps in a row it has been; a resumed run takes it over.
    """

    config: RLConfig
    before: Mapping[str, float]
    exceeded: dict[str, int] = field(default_factory=dict)

    def look(self, step: int, figures: Mapping[str, float]) -> str | None:
        """Take note of a step; the sentence with which the run stops, or None.

        Args:
            step: how many steps are done.
            figures: of its answers, by `figures_of`.
        """
        broken = self._broken(figures)
        self.exceeded = {name: self.exceeded.get(name, 0) + 1 for name in broken}
        for name, times in self.exceeded.items():
            if times >= self.config.stop_patience:
                return (
                    f"Stopped after step {step}, because for {times} steps in a row "
                    f"{broken[name]}; the best checkpoint within the KL budget was kept. Raise "
                    "rl.kl_coefficient or lower rl.learning_rate, and look at what the reward "
                    "rewards."
                )
        return None

    def _broken(self, figures: Mapping[str, float]) -> dict[str, str]:
        """Limit -> what was wrong, of those that these figures exceed."""
        config, broken = self.config, {}
        if config.stop_kl is not None and figures["kl"] > config.stop_kl:
            broken["kl"] = (
                f"the policy was further from its reference ({figures['kl']:.1f} nats an answer) "
                f"than rl.stop_kl={config.stop_kl:g} allows"
            )
        if config.stop_length is not None:
            now, then = figures["tokens"], max(1.0, self.before["tokens"])
            if not then / config.stop_length <= now <= then * config.stop_length:
                broken["length"] = (
                    f"answers had {now:.1f} tokens, and {then:.1f} before training, which is more "
                    f"than the factor rl.stop_length={config.stop_length:g}"
                )
        if config.stop_repetition is not None:
            now, then = figures["repetition"], self.before["repetition"]
            if now > then + config.stop_repetition:
                broken["repetition"] = (
                    f"answers repeated {now:.0%} of their 4-grams, and {then:.0%} before training, "
                    f"which is more than rl.stop_repetition={config.stop_repetition:g} allows"
                )
        return broken


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
