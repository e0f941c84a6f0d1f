"""A trained reward model in one folder: all that scoring needs, and nothing else.

<folder>/config.json, classifier.safetensors, head.json   the model
<folder>/tokenizer/                                       its tokenizer
<folder>/package.json                                     how a question becomes its text
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.ingestion.prepare import clean
from tasks.kinds.ranking.classifier_reward import ClassifierReward
from tasks.models.classifier import TextClassifier
from tasks.registry.model_folder import FolderInfo, ModelFolder, render_bare

REWARD = "reward"
"""The name of the model's one output."""


class RewardModelInfo(FolderInfo):
    """What a reward model knows about itself; a bare question and answer are cleaned by `data`."""


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


class RewardModel(ModelFolder[RewardModelInfo], Rewarding):
    """A loaded package that gives rewards."""

    info_type = RewardModelInfo

    def rewards(
        self, questions: Sequence[str], answers: Sequence[str], rendered: bool = False
    ) -> list[float]:
        """The reward of each answer to its question: any number, higher is better.

        Only differences between answers to one question mean something.

        Args:
            questions, answers: as many of one as of the other; an answer may be empty.
            rendered: the texts went through the data template already.
        """
        if not rendered:
            questions = [render_bare(question, self.info.data) for question in questions]
            answers = [clean(answer, self.info.data) for answer in answers]
        scorer = ClassifierReward(
            REWARD,
            self.model,
            self.tokenizer,
            (REWARD,),
            reads="pair",
            max_length=self.text_length,
        )
        return scorer.score(questions, answers)


def load_reward_model(folder: str | Path) -> tuple[TextClassifier, PreTrainedTokenizerBase, int]:
    """A package's model, tokenizer and `max_length`, for a stage that learns from its rewards.

    `ClassifierReward(name, model, tokenizer, ("reward",), reads="pair", max_length=max_length)`
    gives what the package gives for rendered texts.
    """
    package = RewardModel.load(folder)
    return package.model, package.tokenizer, package.text_length


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
