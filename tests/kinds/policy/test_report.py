"""What a comparison says behind its conclusion of answers before and after learning."""

import numpy as np
import pytest

from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import table_metrics
from tasks.kinds.policy.answering import answer_table
from tasks.kinds.policy.building import PromptPart
from tasks.kinds.policy.held_out import Measured
from tasks.kinds.policy.report import findings
from tasks.kinds.policy.rewards import Scores

PROMPTS = [f"why is kettle number {number} blue" for number in range(8)]
PLAIN = "somebody painted it that way before the shop opened"
ROUND = "stones fall " * 7  # 11 runs of four words, 2 of them different


def answered(drawn: str, greedy: str, earned: float, tokens: int) -> Outcome:
    """Eight prompts that all got these answers, the rewards of which rise by a point a prompt."""
    rewards = Scores(total=np.arange(8.0) + earned, parts={})
    measured = Measured(
        [drawn] * 8, rewards, np.full(8, 0.5), np.full(8, tokens), np.ones(8, dtype=bool), {}
    )
    part = PromptPart([str(number) for number in range(8)], PROMPTS, [], [])
    table = answer_table(part, measured, "test", ([greedy] * 8, rewards))
    metrics = {f"test/{name}": value for name, value in table_metrics(table).items()}
    return Outcome(
        name="arm", kind="arm", run_id="r", metrics=metrics, validation=table, test=table
    )


def test_a_reward_that_rises_alone_is_told_without_a_caution() -> None:
    before, after = answered(PLAIN, PLAIN, 0, 9), answered(PLAIN, PLAIN, 2, 9)
    (told,) = findings(before, after)
    deviations = 2 / np.arange(8.0).std(ddof=1)
    assert f"rose by {deviations:.2f} standard deviations" in told
    assert "p = 0.008" in told  # eight of eight: 2 / 2^8
    assert "0.5 nats" in told


@pytest.mark.parametrize(
    ("after", "caution"),
    [
        ((ROUND, PLAIN, 9), "answers repeat more, 82% of their runs of four words"),
        ((PLAIN, ROUND, 9), "the most probable answers repeat more, 82%"),
        ((PLAIN, PLAIN, 40), "answers went from 9.0 to 40.0 tokens"),
        ((PROMPTS[0], PLAIN, 9), "answers copy more of their prompts"),
    ],
)
def test_what_moved_with_the_reward_is_a_caution(after: tuple[str, str, int], caution: str) -> None:
    drawn, greedy, tokens = after
    told = findings(answered(PLAIN, PLAIN, 0, 9), answered(drawn, greedy, 2, tokens))
    assert len(told) == 2
    assert caution in told[1]


def test_an_arm_of_a_release_before_has_no_figure_of_its_most_probable_answers() -> None:
    before, after = answered(PLAIN, PLAIN, 0, 9), answered(PLAIN, ROUND, 2, 9)
    for outcome in (before, after):
        del outcome.metrics["test/greedy_repetition_4"]
    assert len(findings(before, after)) == 1
