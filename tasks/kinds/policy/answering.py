"""A part answered by a policy: the table of scored prompts that arms are compared by.

Every figure but one is of drawn answers, since the policy is a distribution and what it learns is
that: rewards, the KL from where it started, length. `greedy_...` is of the answer that the
registered model gives, the most probable one token by token.
"""

import numpy as np

from tasks.config import LanguageConfig, RLConfig
from tasks.evaluation.scored import GREEDY, TEXT, put_scored
from tasks.kinds.policy.building import PromptPart
from tasks.kinds.policy.held_out import Measured, measure
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward, Scores, score_answers
from tasks.kinds.writing.answering import decoding_of
from tasks.language.writing import write
from tasks.storage import TableRef
from tasks.texts import overlap, text_scores


def drawn_answers(
    policy: Policy, part: PromptPart, rewards: list[Reward], config: RLConfig
) -> Measured:
    """The policy's own answers, with the same draws for every policy."""
    return measure(policy, part.queries, rewards, config)


def greedy_answers(
    policy: Policy, part: PromptPart, rewards: list[Reward], language: LanguageConfig
) -> tuple[list[str], Scores]:
    """What the registered model will answer, in float32 as it does, and what that earns."""
    answers = write(policy.model, policy.tokenizer, part.prompts, decoding_of(language))
    texts = [answer.text for answer in answers]
    return texts, score_answers(rewards, part.texts, texts, part.ids)


def answer_table(
    part: PromptPart,
    drawn: Measured,
    origin: str,
    greedy: tuple[list[str], Scores] | None = None,
    has_reference: bool = True,
) -> TableRef:
    """Store the answers with their scores.

    Args:
        part: the prompts.
        drawn: of `drawn_answers`.
        origin: in words.
        greedy: of `greedy_answers`.
        has_reference: off for a model that is not where the policies of the sweep started: how
            far it is from there was not measured.
    """
    kl = drawn.kl if has_reference else np.full(len(drawn.kl), np.nan)
    scores = {
        "reward": drawn.scores.total,
        **{f"reward_{name}": values for name, values in drawn.scores.parts.items()},
        "kl": kl,
        "tokens": drawn.tokens,
        "stops": drawn.stopped,
        **text_scores(drawn.texts),
        "overlap": np.array([overlap(*each) for each in zip(part.texts, drawn.texts, strict=True)]),
    }
    columns = {"prompt": part.texts, TEXT: drawn.texts}
    if greedy is not None:
        columns[GREEDY], earned = greedy
        scores["greedy_reward"] = earned.total
        scores["greedy_repetition_4"] = text_scores(columns[GREEDY])["repetition_4"]
    return put_scored(part.ids, part.texts, scores, columns, origin)
