"""From answers to probabilities: renormalised, floored, and uniform where there is no label."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.hosted.answers import Answer
from tasks.hosted.scoring import distribution, probabilities
from tasks.network.replies import Reply

STARS = list("12345")


def reply(**tokens: float) -> Reply:
    """Of `t5=0.5`, a token ` 5` with probability 0.5."""
    return Reply(
        text="", alternatives={f" {name[1:]}": math.log(share) for name, share in tokens.items()}
    )


def test_probabilities_are_shared_among_the_labels_alone() -> None:
    found = distribution(reply(t5=0.6, t4=0.2, tmaybe=0.2), STARS)
    assert found is not None
    assert found[4] == pytest.approx(0.75, abs=1e-4)
    assert found[3] == pytest.approx(0.25, abs=1e-4)
    assert (found[:3] > 0).all()
    assert found[:3].max() < 1e-5


def test_a_label_with_and_without_a_space_is_one() -> None:
    both = Reply(text="5", alternatives={" 5": math.log(0.3), "5": math.log(0.3), "4": -2.0})
    found = distribution(both, STARS)
    assert found is not None
    assert found[4] == pytest.approx(0.6 / (0.6 + math.exp(-2)), abs=1e-4)


def test_a_server_without_probabilities_is_taken_at_its_word() -> None:
    found = distribution(Reply(text=" 2 "), STARS)
    assert found is not None
    assert found.argmax() == 1


@pytest.mark.parametrize("text", ["", "I think", "55", "0"])
def test_an_answer_without_a_label_is_none(text: str) -> None:
    assert distribution(Reply(text=text), STARS) is None
    assert distribution(Reply(text="5", alternatives={text: -0.1}), STARS) is None


def test_rows_keep_their_own_answers_whatever_the_order() -> None:
    answers = {
        name: Answer(id=name, reply=reply(**{f"t{star}": 0.9}))
        for name, star in (("c", 3), ("a", 1), ("b", 2))
    }
    answers["d"] = Answer(id="d", reply=Reply(text="?"))
    table, unparsable = probabilities(["a", "b", "c", "d"], answers, STARS)
    assert table.argmax(1)[:3].tolist() == [0, 1, 2]
    assert table[3].tolist() == [0.2] * 5
    assert unparsable == 1


@given(
    st.dictionaries(st.sampled_from([*STARS, " 1", "x", ""]), st.floats(-60, 5), max_size=7),
    st.text(max_size=3),
)
def test_every_distribution_adds_up_to_one(tokens: dict[str, float], text: str) -> None:
    found = distribution(Reply(text=text, alternatives=tokens), STARS)
    if found is not None:
        assert np.isfinite(found).all()
        assert found.min() > 0
        assert found.sum() == pytest.approx(1)
