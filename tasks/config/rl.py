"""Rewards, and learning from them."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.base import Fraction, Frozen, Seed


class RewardConfig(Frozen):
    """One part of the reward: a classifier's logit of a label, or a plain function."""

    name: str | None = None
    """Under which its figures are logged (default: the function, the label or the model)."""
    model: str | None = None
    """A registered model (`reviews@champion`), a hub id or a folder: a classifier of texts, or a
    reward model, which reads prompt and answer."""
    label: str | None = None
    """Which label's logit counts; may be left out where the model has a single output."""
    function: str | None = None
    """A plain function instead of a model: `length` (words), `repetition` (0 to 1) or `finished`
    (1 for an answer that does not break off)."""
    weight: float = 1.0
    """Factor of this part in the sum; a negative one penalises."""
    max_length: Annotated[int, Field(ge=4)] = 512
    """Tokens that the classifier reads; what is longer is cut."""

    @property
    def title(self) -> str:
        """Under which its figures are logged."""
        named = self.name or (self.function or str(self.label or self.model)).lower()
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", named)  # MLflow takes no other signs

    @model_validator(mode="after")
    def _is_one_thing(self) -> "RewardConfig":
        if (self.model is None) == (self.function is None):
            raise ValueError("names both or neither of model and function: name one")
        if self.function is not None and self.label is not None:
            raise ValueError(f"gives the function {self.function} a label: only models have labels")
        return self


class RLConfig(Frozen):
    """Learning from rewards (`tasks/kinds/policy`).

    PPO reads every field but `generations`. RLOO and GRPO have neither value head nor GAE: `gamma`,
    `lam`, `value_clip`, `value_weight`, `value_learning_rate` and `whiten_rewards` are not read.
    The others mean the same, with two differences: `clip` bounds the ratio of a token in PPO and
    GRPO and of a whole answer in RLOO; and the KL penalty is taken off the reward in PPO and RLOO,
    while GRPO adds it to the loss of each token, beside advantages of deviation 1.
    """

    algorithm: Literal["ppo", "rloo", "grpo"] = "ppo"
    """`ppo` is Thaw's own; `rloo` and `grpo` are TRL's, for decoders alone."""
    generations: Annotated[int, Field(ge=2)] = 4
    """Answers to each prompt of a step, which RLOO and GRPO compare with each other; PPO gives
    one."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Rounds of drawing answers and learning from them."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Answers a step: of as many prompts in PPO, of `batch_size / generations` in RLOO and
    GRPO."""
    mini_batch_size: Annotated[int, Field(ge=1)] = 8
    """Answers per update."""
    forward_batch_size: Annotated[int, Field(ge=1)] | None = None
    """Answers per forward pass, where fewer fit into memory than make an update; their gradients
    add up to the same update (none: as many as make one)."""
    epochs: Annotated[int, Field(ge=1)] = 4
    """Passes over a step's answers."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    """Adam's learning rate."""
    value_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """That of the value head, which starts from nothing (none: the same)."""
    warmup: Annotated[int, Field(ge=0)] = 0
    """Steps over which both rise in a line to what they are. Adam's first updates move every
    weight by a whole learning rate, whatever its gradient: they leave the reference and teach
    little."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradient clipping (0: none)."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    """Most tokens of an answer, its end token included."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of the policy itself: what its logits are divided by, in draws and in probabilities alike.
    Below 1 a small model, whose rare tokens are many, writes more of what it means."""
    gamma: Fraction = 1.0
    """Discount of later rewards."""
    lam: Fraction = 0.95
    """GAE's lambda: 1 trusts the rewards alone, 0 the value head."""
    clip: Annotated[float, Field(gt=0)] = 0.2
    """How far from 1 the ratio of new to old probability still counts."""
    value_clip: Annotated[float, Field(gt=0)] = 0.2
    """How far a value may move in one step."""
    value_weight: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the value loss beside the policy loss."""
    whiten_rewards: bool = False
    """Divide a step's rewards by their deviation."""
    kl_coefficient: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the KL penalty at the start."""
    kl_target: Annotated[float, Field(gt=0)] | None = 6.0
    """Nats an answer to which the weight is steered (none: it stays as it is)."""
    kl_horizon: Annotated[int, Field(ge=1)] = 10_000
    """Answers over which steering changes the weight by a fifth at most."""
    kl_budget: Annotated[float, Field(gt=0)] = 15.0
    """Nats an answer on held-out prompts beyond which no checkpoint can be the best."""
    held_out_every: Annotated[int, Field(ge=1)] = 10
    """Steps between two scorings of the held-out prompts."""
    save_every: Annotated[int, Field(ge=1)] = 10
    """Steps between two states that a killed run resumes from."""
    stop_kl: Annotated[float, Field(gt=0)] | None = 40.0
    """Nats an answer at which the run has run away (none: never)."""
    stop_length: Annotated[float, Field(gt=1)] | None = 3.0
    """Factor by which answers may become longer or shorter than before training (none: any)."""
    stop_repetition: Fraction | None = 0.4
    """By how much the share of repeated 4-grams may rise (none: by any)."""
    stop_patience: Annotated[int, Field(ge=1)] = 5
    """Steps in a row that a limit has to be exceeded before the run stops."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the device has instructions for it."""
    seed: Seed = 42
    """Of the order of prompts, the draws and the mini-batches."""

    @property
    def learning_rates(self) -> tuple[float, float]:
        """Of the model and of the value head, at their full."""
        return self.learning_rate, self.value_learning_rate or self.learning_rate

    @property
    def answers_a_pass(self) -> int:
        """Answers per forward pass."""
        return min(self.forward_batch_size or self.mini_batch_size, self.mini_batch_size)

    @model_validator(mode="after")
    def _comes_out_even(self) -> "RLConfig":
        """TRL's trainers take whole groups of answers, and mini-batches and passes of one size."""
        if self.algorithm == "ppo":
            return self
        for whole, part in (
            ("batch_size", "generations"),
            ("batch_size", "mini_batch_size"),
            ("mini_batch_size", "answers_a_pass"),
        ):
            if getattr(self, whole) % getattr(self, part):
                name = part.replace("answers_a_pass", "forward_batch_size")
                raise ValueError(
                    f"{whole} is {getattr(self, whole)}, which {self.algorithm} cannot divide by "
                    f"{name} ({getattr(self, part)}): make it a multiple"
                )
        return self
