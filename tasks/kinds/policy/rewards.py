"""Rewards: a weighted sum of parts, each of which is also reported by itself.

A part is anything with a name, a weight and `score(prompts, answers)`: a classifier
(`classifier_reward.py`), or a plain function in the form that TRL's trainers take too. An empty
answer is scored like any other.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.errors import RequestError, ThawError
from tasks.texts import repetition

# The end of a sentence, a closing bracket or quotation mark, or a figure.
_FINISHED = re.compile(r"[.!?…:;)\]}\"'`”’»0-9]$")
RewardFunction = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""Prompts and answers, as a reader sees them, to one number an answer."""


class Reward(Protocol):
    """One part of the reward."""

    @property
    def name(self) -> str:
        """Under which it is logged."""
        ...

    @property
    def weight(self) -> float:
        """Its factor in the sum."""
        ...

    @property
    def identity(self) -> str:
        """Digest of the model that scores; empty where the name says all."""
        ...

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> Sequence[float]:
        """One number an answer, not yet weighted."""
        ...


@dataclass(frozen=True)
class FunctionReward:
    """A plain function as a part of the reward."""

    name: str
    function: RewardFunction
    weight: float = 1.0
    identity: str = ""

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> Sequence[float]:
        """What the function says."""
        return self.function(prompts, answers)


def answer_length(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Words of each answer."""
    return [float(len(answer.split())) for answer in answers]


def answer_repetition(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Share of each answer's 4-grams that stood in it before, 0 to 1."""
    return [repetition(answer) for answer in answers]


def answer_finished(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    """1 for an answer that ends as texts do, 0 for one that breaks off (and for an empty one).

    A reward model that likes long answers teaches a policy to write until it is cut; this part
    makes the cut cost something.
    """
    return [float(_FINISHED.search(answer.rstrip()) is not None) for answer in answers]


FUNCTIONS: dict[str, RewardFunction] = {
    "length": answer_length,
    "repetition": answer_repetition,
    "finished": answer_finished,
}


def named_function(name: str, weight: float, title: str = "") -> FunctionReward:
    """A function of `FUNCTIONS` as a part, which is logged under its title, or else its name.

    Raises:
        RequestError: there is none of that name.
    """
    if name not in FUNCTIONS:
        raise RequestError(
            f"There is no reward function {name!r}: there are {', '.join(FUNCTIONS)}."
        )
    return FunctionReward(title or name, FUNCTIONS[name], weight, name)


@dataclass(frozen=True)
class Scores:
    """What answers earned.

    Attributes:
        total: the weighted sum, float64 (answers,).
        parts: name -> what that part said before weighting, float64 (answers,).
    """

    total: np.ndarray
    parts: dict[str, np.ndarray]


def score_answers(
    rewards: Sequence[Reward],
    prompts: Sequence[str],
    answers: Sequence[str],
    names: Sequence[str],
) -> Scores:
    """Score answers by every part and add them up.

    Args:
        rewards: the parts, of different names.
        prompts: as the parts should see them.
        answers: one a prompt.
        names: of the prompts' rows, for the message.

    Raises:
        ThawError: a part gave something that is not a finite number, or not one an answer.
    """
    parts = {}
    for reward in rewards:
        found = np.asarray(reward.score(prompts, answers), dtype=np.float64)
        if found.shape != (len(answers),):
            raise ThawError(
                f"The reward {reward.name} gave {found.size} numbers for {len(answers)} answers: "
                "it has to give one for each."
            )
        if not np.isfinite(found).all():
            row = int(np.flatnonzero(~np.isfinite(found))[0])
            raise ThawError(
                f"The reward {reward.name} is {found[row]} for the answer {answers[row][:60]!r} "
                f"to the prompt of row {names[row]}: it has to be a finite number for any text."
            )
        parts[reward.name] = found
    total = np.zeros(len(answers))
    for reward in rewards:
        total += reward.weight * parts[reward.name]
    return Scores(total, parts)


def check_rewards(rewards: Sequence[Reward]) -> None:
    """Refuse parts that would be told apart nowhere.

    Raises:
        RequestError: there is none, or two have the same name.
    """
    names = [reward.name for reward in rewards]
    if not names:
        raise RequestError("There is no reward to learn from: give at least one.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RequestError(f"Two rewards are named {twice[0]}: give each a name of its own.")
