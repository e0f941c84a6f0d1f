"""A trained reward model in one folder: all that scoring needs, and nothing else.

<folder>/config.json, classifier.safetensors, head.json   the model
<folder>/tokenizer/                                       its tokenizer
<folder>/package.json                                     how a question becomes its text
"""

from collections.abc import Sequence
from pathlib import Path

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.ingestion.prepare import clean, render_bare
from tasks.kinds.ranking.classifier_reward import ClassifierReward
from tasks.kinds.ranking.rewarding import REWARD, Rewarding
from tasks.models.classifier import TextClassifier
from tasks.registry.model_folder import FolderInfo, ModelFolder


class RewardModelInfo(FolderInfo):
    """What a reward model knows about itself; a bare question and answer are cleaned by `data`."""


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
