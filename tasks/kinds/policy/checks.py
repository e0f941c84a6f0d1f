"""Texts scored with a case's rewards: any texts, and those whose reward the chapter prints.

That the rewards are the chapter's is shown by its own sentences before anything is trained.
"""

from collections.abc import Sequence

from tasks.config import PolicyCase, ReferenceCheck, RewardConfig
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import figure
from tasks.kinds.policy.pinning import pin_rewards
from tasks.kinds.policy.reward_models import build_rewards
from tasks.kinds.policy.rewards import Scores, check_rewards, score_answers
from tasks.tracking import Tracker


def score_texts(
    config: PolicyCase, tracker: Tracker, texts: Sequence[str], prompt: str = ""
) -> Scores:
    """What texts would earn as answers to a prompt.

    Raises:
        RequestError: no such model or label, or no rewards.
        ThawError: a model cannot be fetched or loaded.
    """
    return score_pinned(*pin_rewards(config, tracker), texts, prompt)


def score_pinned(
    configs: Sequence[RewardConfig], digests: Sequence[str], texts: Sequence[str], prompt: str = ""
) -> Scores:
    """The same, of rewards whose models are fixed."""
    rewards = build_rewards(configs, digests)
    check_rewards(rewards)
    return score_answers(rewards, [prompt] * len(texts), list(texts), list(texts))


def checks_sheet(checks: Sequence[ReferenceCheck], scores: Scores) -> Sheet:
    """The chapter's sentences, each with the reward that it prints and the one that it has here."""
    rows = []
    for at, check in enumerate(checks):
        found = [scores.total[at], *(part[at] for part in scores.parts.values())]
        rows.append(
            (Cell(check.text), Cell(figure(check.reward)), *(Cell(figure(x)) for x in found))
        )
    return Sheet(
        heading="The chapter's sentences, rewarded",
        note="The reward that the chapter prints, that of this run, and its parts unweighted.",
        columns=("", "Chapter", "Here", *scores.parts),
        rows=tuple(rows),
    )
