"""The official measure of answers about pictures, and how sure an answer was."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kinds.pictures.scores import (
    SCORES,
    Confidence,
    MostFrequentAnswer,
    confidence,
    exact_match,
    normalise_answer,
    score_answers,
    vqa_accuracy,
    vqa_accuracy_leave_one_out,
    vqa_metrics,
)

WORDS = st.sampled_from(["yes", "no", "2", "two", "the cat", "a Dog.", "cat", ""])
ANSWERS = st.lists(WORDS, min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  Yes. ", "yes"),
        ("The red  ball", "red ball"),
        ("two", "2"),
        ("none", "0"),
        ("eleven", "eleven"),
        ("1,000,000 people", "1000000 people"),
        ("red, white", "red white"),
        ("2.5", "2.5"),
        ("u.s.a.", "usa"),
        ("2:50pm", "2:50pm"),
        ("dont know", "don't know"),
        ("it's", "it's"),
        ("its", "its"),
        ("couldve", "could've"),
        ("dog's bowl", "dog's bowl"),
        ("garbage_bin", "garbage bin"),
        ("black-and-white", "black and white"),
        ("yes/no", "yes no"),
        ("a", ""),
        ("an A's", "a's"),
        ("50%", "50%"),
    ],
)
def test_answers_are_brought_into_one_form(text: str, form: str) -> None:
    assert normalise_answer(text) == form


@given(
    st.text()
    | st.text(alphabet="aehnot 'on2.,:-/_?!", max_size=30)
    | st.lists(WORDS).map("... ".join)
)
def test_the_form_of_a_form_is_itself(text: str) -> None:
    form = normalise_answer(text)
    assert normalise_answer(form) == form
    assert normalise_answer(f"  {text.lower()}\t") == form


@pytest.mark.parametrize(
    ("same", "plain", "official"),
    [(0, 0, 0), (1, 1 / 3, 0.3), (2, 2 / 3, 0.6), (3, 1, 0.9), (4, 1, 1)],
)
def test_ten_annotators_count_as_published(same: int, plain: float, official: float) -> None:
    answers = ["Two."] * same + [f"other {n}" for n in range(10 - same)]
    assert vqa_accuracy("2", answers) == pytest.approx(plain)
    assert vqa_accuracy_leave_one_out("2", answers) == pytest.approx(official)


@given(WORDS, ANSWERS)
def test_leaving_each_annotator_out_by_hand_gives_the_same(answer: str, answers: list[str]) -> None:
    closed = vqa_accuracy_leave_one_out(answer, answers)
    if len(answers) > 3:
        left = [answers[:n] + answers[n + 1 :] for n in range(len(answers))]
        by_hand = sum(vqa_accuracy(answer, rest) for rest in left) / len(left)
        assert closed == pytest.approx(by_hand)
    assert 0 <= closed <= vqa_accuracy(answer, answers) <= 1


@given(WORDS, ANSWERS, st.randoms())
def test_accuracy_is_whole_where_all_agree_and_nothing_where_none_does(
    answer: str, answers: list[str], random: object
) -> None:
    random.shuffle(shuffled := list(answers))  # type: ignore[attr-defined]
    assert vqa_accuracy(answer, shuffled) == vqa_accuracy(answer, answers)
    assert vqa_accuracy(answer, [answer] * len(answers)) == 1
    assert vqa_accuracy("never said", answers) == 0
    assert vqa_accuracy(answer, [*answers, answer]) > 0


@given(WORDS, WORDS)
def test_with_one_answer_it_is_the_exact_match(answer: str, truth: str) -> None:
    assert vqa_accuracy(answer, [truth]) == exact_match(answer, truth)
    assert vqa_accuracy_leave_one_out(answer, [truth]) == exact_match(answer, truth)


def test_scores_are_shown_by_answer_type() -> None:
    scores = score_answers(
        ["yes", "2", "cat"],
        [["yes"] * 10, ["two", "2", *["3"] * 8], ["dog"] * 10],
        ["yes", "3", "dog"],
    )
    assert tuple(scores.columns) == SCORES
    metrics = vqa_metrics(scores, ["yes/no", "number", "other"])
    assert metrics["vqa_accuracy"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert metrics["vqa_accuracy_yes_no"] == 1
    assert metrics["vqa_accuracy_number"] == pytest.approx(2 / 3)
    assert metrics["exact_match_number"] == 0
    assert metrics["vqa_accuracy_other"] == 0
    assert len(metrics) == 3 * 4


def test_the_most_frequent_answer_depends_on_the_type_of_question() -> None:
    baseline = MostFrequentAnswer.of(
        ["is", "is", "is", "how many", "how many", "what"], ["no", "yes", "yes", "3", "2", "yes"]
    )
    assert baseline.answers(["is", "how many", "who"]) == ["yes", "2", "yes"]


def test_confidence_is_the_probability_of_the_whole_answer_with_its_end() -> None:
    sure = confidence([math.log(0.5), math.log(0.5), math.log(0.25)])
    assert sure == Confidence(pytest.approx(0.0625), pytest.approx(0.0625 ** (1 / 3)))


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=8))
def test_a_longer_answer_is_never_more_probable(logs: list[float]) -> None:
    whole, begun = confidence(logs), confidence(logs[:1])
    assert 0 <= whole.product <= begun.product <= 1
    assert whole.product <= whole.geometric_mean + 1e-12 <= 1 + 1e-12
