"""A run that runs away is stopped with a sentence; one that wavers is not."""

import re

import pytest
from kinds.policy.rl_parts import small_config

from tasks.kinds.policy.course import Guard

BEFORE = {"kl": 0.0, "tokens": 30.0, "repetition": 0.05}
LIMITS = {"stop_kl": 20.0, "stop_length": 3.0, "stop_repetition": 0.4, "stop_patience": 3}

RUNAWAYS = {
    "kl": ({"kl": 25.0}, r"25\.0 nats an answer\) than rl.stop_kl=20"),
    "longer": ({"tokens": 95.0}, r"answers had 95\.0 tokens, and 30\.0 before"),
    "shorter": ({"tokens": 2.0}, r"answers had 2\.0 tokens"),
    "repetition": ({"repetition": 0.6}, r"repeated 60% of their 4-grams, and 5% before"),
}


@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_runaway_stops_after_the_patience_with_a_sentence(name: str) -> None:
    figures, sentence = RUNAWAYS[name]
    guard = Guard(small_config(**LIMITS), BEFORE)
    said = [guard.look(step, BEFORE | figures) for step in (1, 2, 3)]
    assert said[:2] == [None, None]
    assert re.search(rf"^Stopped after step 3, because for 3 steps in a row .*{sentence}", said[2])


def test_one_good_step_starts_the_count_anew() -> None:
    guard = Guard(small_config(**LIMITS), BEFORE)
    bad = BEFORE | {"tokens": 95.0}
    assert [guard.look(0, each) for each in (bad, bad, BEFORE, bad, bad)] == [None] * 5
    assert guard.look(0, bad)


def test_a_resumed_guard_goes_on_counting() -> None:
    config = small_config(**LIMITS)
    first = Guard(config, BEFORE)
    bad = BEFORE | {"kl": 30.0}
    first.look(1, bad)
    first.look(2, bad)
    assert Guard(config, BEFORE, dict(first.exceeded)).look(3, bad)


def test_limits_that_are_off_stop_nothing() -> None:
    guard = Guard(small_config(stop_patience=1), BEFORE)
    assert guard.look(1, {"kl": 1e9, "tokens": 1e9, "repetition": 1.0}) is None
