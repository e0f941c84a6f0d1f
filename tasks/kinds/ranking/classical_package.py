"""A reward model of words as a package."""

from collections.abc import Sequence

from tasks.ingestion.prepare import clean
from tasks.kinds.ranking.rewarding import Rewarding
from tasks.registry.words_folder import WordsFolder, WordsInfo


class ClassicalReward(WordsFolder[WordsInfo], Rewarding):
    """A reward model: it reads the answer alone."""

    info_type = WordsInfo

    def rewards(
        self, questions: Sequence[str], answers: Sequence[str], rendered: bool = False
    ) -> list[float]:
        """See `RewardModel.rewards`."""
        read = answers if rendered else [clean(answer, self.info.data) for answer in answers]
        return self.words.logits(list(read))[:, 0].tolist()
