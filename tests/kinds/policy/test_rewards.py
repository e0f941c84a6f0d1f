"""Rewards add up, are told apart, and are never silently something else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError, ThawError
from tasks.kinds.policy.rewards import (
    FunctionReward,
    answer_length,
    answer_repetition,
    check_rewards,
    named_function,
    score_answers,
)

PROMPTS, ANSWERS, NAMES = ["p", "q", "r"], ["one two", "", "a a a a a"], ["7", "8", "9"]


def test_the_sum_is_weighted_and_each_part_is_kept_by_itself() -> None:
    parts = [named_function("length", 0.5), named_function("repetition", -2.0)]
    scores = score_answers(parts, PROMPTS, ANSWERS, NAMES)
    assert scores.parts["length"].tolist() == [2, 0, 5]
    assert scores.parts["repetition"].tolist() == [0, 0, 0.5]
    assert scores.total.tolist() == [1, 0, 1.5]


def test_an_empty_answer_is_scored_like_any_other() -> None:
    seen: list[str] = []
    kind = FunctionReward("seen", lambda _, answers: [float(seen.append(a) or 1) for a in answers])
    assert score_answers([kind], PROMPTS, ANSWERS, NAMES).total.tolist() == [1, 1, 1]
    assert seen == ANSWERS


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_reward_that_is_no_number_names_its_row(bad: float) -> None:
    broken = FunctionReward("grammar", lambda _, answers: [1.0, 2.0, bad])
    with pytest.raises(ThawError, match=r"grammar is (nan|inf) for the answer 'a a.* row 9"):
        score_answers([named_function("length", 1.0), broken], PROMPTS, ANSWERS, NAMES)


def test_a_reward_for_some_answers_only_is_refused() -> None:
    short = FunctionReward("short", lambda _, answers: [1.0])
    with pytest.raises(ThawError, match="short gave 1 numbers for 3 answers"):
        score_answers([short], PROMPTS, ANSWERS, NAMES)


def test_an_unknown_function_says_which_there_are() -> None:
    with pytest.raises(RequestError, match=r"'lenght': there are length, repetition"):
        named_function("lenght", 1.0)


def test_parts_need_names_of_their_own() -> None:
    check_rewards([named_function("length", 1.0), named_function("repetition", 1.0)])
    with pytest.raises(RequestError, match="Two rewards are named length"):
        check_rewards([named_function("length", 1.0), named_function("length", 2.0)])
    with pytest.raises(RequestError, match="no reward"):
        check_rewards([])


@given(st.lists(st.text(alphabet="ab ", max_size=40), min_size=1, max_size=5))
def test_the_shipped_functions_are_finite_for_any_text(answers: list[str]) -> None:
    prompts = ["p"] * len(answers)
    assert np.isfinite(answer_length(prompts, answers)).all()
    assert all(0 <= share < 1 for share in answer_repetition(prompts, answers))


def test_an_answer_that_breaks_off_is_not_finished() -> None:
    whole = ["Yes.", "Is it?", 'She said "no"', "1. a\n2. b)", "It is 12", "done. \n"]
    broken = ["", "and then the", "a, b,", "the man’s -"]
    reward = named_function("finished", 1.0, "whole")
    assert reward.name == "whole"
    assert reward.score([""] * 6, whole) == [1] * 6
    assert reward.score([""] * 4, broken) == [0] * 4
