"""Test rows that are shown: chosen by how sure and how right the arm was, told and escaped."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.config import CaseConfig
from tasks.evaluation.comparison import compare
from tasks.evaluation.examples import LONGEST, RIGHT, WRONG, Examples, ends, pick
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.report import html
from tasks.evaluation.scored import put_scored
from tasks.kinds.labels.examples import label_examples
from tasks.kinds.numbers.report import number_examples
from tasks.kinds.policy.report import rewarded
from tasks.kinds.ranking.breakdown import pair_examples
from tasks.kinds.writing.examples import writing_examples

MakeOutcome = Callable[..., Outcome]
SPAM = ["ham", "spam"]


def texts_of(outcome: Outcome) -> dict[str, str]:
    return {name: f"what {name} says" for name in read_predictions(outcome.test).ids}


def test_the_surest_mistakes_come_first_and_then_the_surest_right_rows() -> None:
    sureness = np.array([0.9, 0.6, 0.8, 0.99, 0.7])
    right = np.array([True, False, False, True, True])
    assert pick(sureness, right).tolist() == [2, 1, 3, 0, 4]
    many = np.arange(100) / 100
    assert len(pick(many, many > 0.5)) == WRONG + RIGHT
    assert ends(many)[[0, WRONG]].tolist() == [0, 99]
    assert ends(np.array([3.0, 1.0])).tolist() == [1, 0]


def test_classes_are_shown_as_their_probabilities_say(make_classified: MakeOutcome) -> None:
    best = make_classified("full", 2, classes=2)
    found = label_examples(best, texts_of(best), SPAM, "single_label")
    table = read_predictions(best.test)
    answer, truth = table.probabilities.argmax(1), table.truth.argmax(1)
    wrong = [row for row in range(len(truth)) if answer[row] != truth[row]]
    worst = max(wrong, key=lambda row: table.probabilities[row].max())
    first = found.frame.iloc[0]
    assert first["text"] == f"what {table.ids[worst]} says"
    assert first["truth"] == SPAM[truth[worst]]
    assert first["answer, with its probability"].startswith(SPAM[answer[worst]])
    assert first["sureness"] == table.probabilities[worst].max()
    assert found.right is not None
    assert found.right.tolist() == sorted(found.right)
    assert (~found.right).sum() == min(len(wrong), WRONG)
    assert f"{len(wrong):,} of {len(truth):,} test rows are wrong" in found.note


def test_a_row_with_several_labels_is_right_when_all_of_them_are(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", rows=80, labels=3)
    found = label_examples(arm, texts_of(arm), ["Action", "Comedy", "Drama"], "multi_label")
    table = read_predictions(arm.test)
    given = table.probabilities >= np.array(arm.thresholds)
    by_text = {f"what {name} says": row for row, name in enumerate(table.ids)}
    assert found.right is not None
    for right, text in zip(found.right, found.frame["text"], strict=True):
        row = by_text[text]
        assert right == (given[row] == table.truth[row].astype(bool)).all()


def test_numbers_pairs_and_answers_are_shown_from_the_furthest_off() -> None:
    rows = pd.DataFrame({"text": ["a", "b", "c"], "number": [1.0, 2.0, 3.0]})
    rows = rows.assign(predicted=[1.5, 9.0, 3.0])
    numbers = number_examples(rows.assign(error=rows["predicted"] - rows["number"]), "days")
    assert numbers.frame["text"].tolist() == ["b", "a", "c"]
    assert numbers.frame["error"].tolist()[:2] == ["+7", "+0.5"]

    pairs = pd.DataFrame(
        {"query": ["p", "q", "r"], "truth": ["x"] * 3, "rejected": ["y"] * 3}
        | {"margin": [-0.5, 2.0, -3.0], "chosen_reward": [0.0] * 3, "rejected_reward": [0.0] * 3}
    )
    shown = pair_examples(pairs)
    assert shown.frame["asked"].tolist() == ["r", "p", "q"]
    assert shown.right is not None
    assert shown.right.tolist() == [False, False, True]

    answers = pd.DataFrame(
        {
            "prompt": ["one", "two", "three"],
            "expected": ["1", "2", "3"],
            "generated": ["1", "two", None],
            "edit_similarity": [1.0, 0.2, np.nan],
            "normalised_match": [1.0, 0.0, np.nan],
        }
    )
    written = writing_examples(answers)
    assert written is not None
    assert written.frame["written"].tolist() == ["two", "1"]
    assert writing_examples(answers.drop(columns=["edit_similarity"])) is None


def test_answers_are_shown_from_the_least_to_the_most_rewarded(
    make_classified: MakeOutcome,
) -> None:
    table = put_scored(
        ["a", "b", "c"],
        ["p"] * 3,
        {"reward": np.zeros(3), "greedy_reward": np.array([1.0, -2.0, 3.0])},
        {"prompt": ["one", "two", "three"], "generated": ["x"] * 3, "greedy": ["ok", "", "good"]},
        "by hand",
    )
    arm = make_classified("full").model_copy(update={"test": table})
    shown = rewarded(arm)
    assert shown.frame.to_numpy().tolist() == [
        ["two", "(nothing)", -2.0],
        ["one", "ok", 1.0],
        ["three", "good", 3.0],
    ]
    assert shown.sheet().columns == ("asked", "written", "reward")


def test_the_page_shows_them_short_and_escaped_and_mlflow_nearly_whole(
    make_classified: MakeOutcome, spam_config: CaseConfig
) -> None:
    arm = make_classified("full", 1, classes=2)
    frame = pd.DataFrame(
        {
            "text": ["<script>alert(1)</script>", "x" * 9_000],
            "truth": ["ham", "spam"],
            "p": [0.9, 1],
        }
    )
    found = Examples("A note.", frame, np.array([False, True]))
    comparison = compare([arm], spam_config, SPAM)
    page = html(comparison, {}, None, "Spam", {}, examples=found)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "x" * (LONGEST + 1) not in page
    assert page.index('href="#examples"') < page.index("A note.")
    table = json.loads(found.json())
    assert table["columns"] == ["text", "truth", "p", "right"]
    assert table["data"][0] == ["<script>alert(1)</script>", "ham", 0.9, False]
    assert len(table["data"][1][0]) == 4_000
