"""What gives rewards, whatever it is made of: records in, the reward of each out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from tasks.errors import RequestError

REWARD = "reward"
"""The name of the model's one output."""


class Rewarding(ABC):
    """What gives rewards, whatever it is made of."""

    @abstractmethod
    def rewards(
        self, questions: Sequence[str], answers: Sequence[str], rendered: bool = False
    ) -> list[float]:
        """See `RewardModel.rewards`."""

    def predict(
        self, records: Sequence[Any], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The `reward` of each record, in their order.

        Args:
            records: `{"question": ..., "answer": ...}`, or answers as plain texts.
            params: `question`, which the plain texts answer; `{"rendered": true}` for texts that
                went through the data template already.

        Raises:
            RequestError: a record lacks one of the two, or a text comes without a question.
        """
        given = params or {}
        asked = given.get("question") or None
        pairs = [_pair(record, number, asked) for number, record in enumerate(records, 1)]
        questions, answers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        found = self.rewards(questions, answers, bool(given.get("rendered", False)))
        return [{REWARD: reward} for reward in found]


def _pair(record: Any, number: int, asked: str | None) -> tuple[str, str]:
    """Question and answer of a record."""
    if isinstance(record, str):
        if asked is None:
            raise RequestError(
                f"Record {number} is a text without a question: give objects with question and "
                'answer, or the question beside the texts (params={"question": ...}).'
            )
        return asked, record
    question = record.get("question") if isinstance(record, dict) else None
    answer = record.get("answer") if isinstance(record, dict) else None
    if not isinstance(question, str) or not isinstance(answer, str) or not question.strip():
        raise RequestError(
            f"Record {number} is no object with a question and an answer, both texts: give "
            '{"question": ..., "answer": ...}.'
        )
    return question, answer
