"""The reward model through the command line: run, compare, predict, and the stage after it."""

import json
from pathlib import Path
from typing import Any

import pytest
from genre_runs import Store, Swept, thaw
from reward_runs import BAD, GOOD, QUESTION, records, run_reward, write


def test_a_run_ends_with_a_champion_and_a_table_of_baselines(judge: Swept) -> None:
    out = judge.answer.out
    for name in ("untrained head", "a coin", "longer answer", "shorter answer", "TF-IDF"):
        assert name in out
    assert "champion" in out
    store = Store()
    sweep = store.sweeps()[0].info.run_id
    figures = store.table(sweep)
    assert figures["a coin pair_accuracy"] == 0.5
    best = store.client.get_run(sweep).data
    assert best.metrics["test/pair_accuracy"] > 0.9
    assert {"test/ece", "test/length_correlation"} <= set(best.metrics)
    for arm in store.children(sweep).values():
        assert {"val/pair_accuracy", "val/loss", "train/loss"} <= set(arm.data.metrics)
        assert arm.data.params["preference.margin"] == "none"


def test_the_report_says_where_it_is_right(judge: Swept) -> None:
    store = Store()
    sweep = store.sweeps()[0].info.run_id
    kept = store.artifacts(sweep, "comparison")
    assert {
        f"comparison/{name}"
        for name in (
            "by_gap.csv",
            "by_source.csv",
            "by_length.csv",
            "wrongly_ranked.csv",
            "pair_calibration.svg",
            "reward_by_length.svg",
            "learning_curves/pair_accuracy.svg",
            "report.html",
        )
    } <= kept
    assert "a and c," in store.text(sweep, "comparison/by_source.csv")
    page = store.text(sweep, "comparison/report.html")
    assert "Ranked rightly, by difference of the scores" in page
    assert "as often as its margins say" in page


def test_no_query_is_in_two_parts(judge: Swept) -> None:
    store = Store()
    report = json.loads(store.text(store.sweeps()[0].info.run_id, "split/report.json"))
    (parts,) = report["parts"]
    assert sum(parts.values()) == 72
    assert all(rows % 3 == 0 for rows in parts.values())


def test_any_arm_of_the_sweep_can_be_asked(judge: Swept) -> None:
    asked = ("--strategy", "freeze_2", "--json", QUESTION, *GOOD[:2])
    answer = thaw("predict", "sawyer_reward", *asked)
    assert answer.code == 0, answer.err
    assert [set(json.loads(line)) for line in answer.out.splitlines()] == [
        {"question", "answer", "reward"}
    ] * 2


def test_a_champion_is_judged_on_the_new_test_rows(judge: Swept) -> None:
    weaker = run_reward(*judge.overrides, "training.epochs=1", "strategies=[head]")
    assert weaker.code == 0, weaker.err
    assert "does not beat" in " ".join(weaker.out.split())


def test_margins_are_a_point_of_the_grid(tiny_reward: tuple[str, ...], own_home: Path) -> None:
    grid = ("strategies=[head]", "grid.preference.margin=[none,score]", "training.epochs=1")
    answer = run_reward(*tiny_reward, *grid)
    assert answer.code == 0, answer.err
    assert "margin=score" in answer.out
    assert "margin=none" in answer.out


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            {"user_input": "why", "responses_and_scores": [{"response": "x", "score": "good"}]},
            "line 25: the score of response 1 is 'good', which is no number",
        ),
        (
            {"user_input": "why", "responses_and_scores": [{"response": "x", "score": 1}]},
            "line 25: the query has one response",
        ),
    ],
)
def test_bad_comparisons_are_a_sentence_before_anything_starts(
    record: dict[str, Any],
    sentence: str,
    tiny_reward: tuple[str, ...],
    own_home: Path,
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "rows.jsonl", [*records(), record])
    answer = run_reward(*tiny_reward, f"data.path={path}")
    assert answer.code == 2
    assert sentence in answer.sentence
    assert not Store().sweeps()


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.head=tokens", "model.head=tokens does not go with sawyer_reward"),
        ("training.balance=true", "is for cases whose rows have one label each"),
        ("data.layout=table", "does not go with task: preference: use comparisons"),
        ("preference.margn=score", "did you mean preference.margin?"),
        ("evaluation.primary=test/accuracy", "did you mean test/pair_accuracy"),
    ],
)
def test_what_means_nothing_here_is_refused(
    override: str, sentence: str, tiny_reward: tuple[str, ...], own_home: Path
) -> None:
    answer = run_reward(*tiny_reward, override)
    assert answer.code == 2
    assert sentence in answer.sentence


def test_margins_do_not_decide_which_model_stands(
    tiny_reward: tuple[str, ...], own_home: Path
) -> None:
    overrides = ("evaluation.primary=test/margin", "registry.enabled=true", "registry.beats=floor")
    answer = run_reward(*tiny_reward, *overrides)
    assert answer.code == 2
    assert "cannot decide which model stands" in answer.sentence


def test_a_base_model_that_reads_no_pairs_is_refused(
    tiny_reward: tuple[str, ...], tiny_gpt2: Path, own_home: Path
) -> None:
    answer = run_reward(*tiny_reward, f"model.base={tiny_gpt2}")
    assert answer.code == 2
    assert "reads no sentence pairs" in answer.sentence


def test_equal_answers_are_named_and_can_be_left_out(
    tiny_reward: tuple[str, ...], own_home: Path, tmp_path: Path
) -> None:
    rows = [
        {"instruction": f"what is number {n}", "chosen": GOOD[n % 3], "rejected": BAD[n % 3]}
        for n in range(20)
    ]
    rows.insert(4, {"instruction": "why", "chosen": "a friend", "rejected": "a friend"})
    path = write(tmp_path / "rows.jsonl", rows)
    quick = (*tiny_reward, f"data.path={path}", "strategies=[head]", "training.epochs=1")
    answer = run_reward(*quick)
    assert answer.code == 2
    assert "line 5: chosen and rejected are the same answer" in answer.sentence
    answer = run_reward(*quick, "data.on_bad_line=skip")
    assert answer.code == 0, answer.err
    sweep = Store().sweeps()[-1].info.run_id
    assert "comparison/by_gap.csv" not in Store().artifacts(sweep, "comparison")
