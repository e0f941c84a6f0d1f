"""When a run has run away: learning from a reward finds its flaws, and then nothing else.

The run of the SAWYER chapter shows how (its saved log): within a thousand steps its answers became
three times as long, at the reward model's ceiling and garbled; a thousand later they were two
words long. Nothing watched, and the last checkpoint was kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.config import RLConfig


@dataclass
class Guard:
    """Watches the figures of each step's answers.

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
