"""Answers ranked by the champion among reward models, and by the stage after it."""

import json
from pathlib import Path

import pytest
from genre_runs import Swept, thaw
from reward_runs import BAD, GOOD, QUESTION, write


def test_answers_are_ranked_with_their_rewards(judge: Swept) -> None:
    answer = thaw("predict", "sawyer_reward", QUESTION, BAD[0], GOOD[0], "")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(GOOD[0])
    assert "Warning" not in answer.err
    rewards = [float(line.split()[0]) for line in lines]
    assert rewards == sorted(rewards, reverse=True)


def test_a_file_of_answers_is_ranked_by_question(judge: Swept, tmp_path: Path) -> None:
    rows = [
        {"question": QUESTION, "answer": BAD[1]},
        {"question": "what is number 4", "answer": GOOD[0]},
        {"question": QUESTION, "answer": GOOD[1]},
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    answer = thaw("predict", "sawyer_reward", "--file", str(path), "--json")
    assert answer.code == 0, answer.err
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [row["answer"] for row in found] == [GOOD[1], BAD[1], GOOD[0]]
    assert set(found[0]) == {"question", "answer", "reward"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [((QUESTION,), "give QUESTION ANSWER"), ((), "nothing to rank"), ((" ", "x"), "is empty")],
)
def test_a_question_alone_cannot_be_ranked(
    given: tuple[str, ...], sentence: str, judge: Swept
) -> None:
    answer = thaw("predict", "sawyer_reward", *given)
    assert answer.code == 2
    assert sentence in answer.sentence


def test_the_stage_after_it_gets_the_same_rewards_by_alias(judge: Swept) -> None:
    from tasks.kinds.ranking.classifier_reward import ClassifierReward
    from tasks.kinds.ranking.package import load_reward_model
    from tasks.registry.prediction import load_champion, predict
    from tasks.registry.stages import fetch, package_folder
    from tasks.tracking import Tracker

    champion = load_champion("sawyer_reward")
    rows = [{"question": QUESTION, "answer": answer} for answer in (*GOOD, *BAD)]
    wanted = [each["reward"] for each in predict(champion, rows)]
    texts = champion.predict([*GOOD, *BAD], params={"question": QUESTION})
    assert [each["reward"] for each in texts] == wanted
    found = fetch("sawyer_reward@champion", Tracker())
    model, tokenizer, max_length = load_reward_model(package_folder(found.digest))
    reward = ClassifierReward(
        "reward", model, tokenizer, ("reward",), reads="pair", max_length=max_length
    )
    assert reward.score([QUESTION] * 6, [*GOOD, *BAD]) == pytest.approx(wanted, abs=1e-6)
