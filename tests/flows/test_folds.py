"""Cross-validation of every kind: each row is tested once, and its prediction is judged."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from genre_runs import MARKS, Store, options, thaw
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

QUICK = (
    *("split.folds=2", "training.epochs=1", "strategies=[head]", "evaluation.bootstrap=100"),
    *("evaluation.baseline_c=[1.0]", "split.near_duplicates=null", "model.max_length=32"),
)
ROWS = 48


def text(n: int) -> str:
    team = list(MARKS)[n % 3]
    return f"the {MARKS[team][n // 3 % 4]} and the {MARKS[team][n % 4]} of {n} towns"


FILES: dict[str, Callable[[int], dict[str, object]]] = {
    "single_label": lambda n: {"text": text(n), "label": list(MARKS)[n % 3]},
    "multi_label": lambda n: {"text": text(n), "labels": "|".join(list(MARKS)[: 1 + n % 3])},
    "regression": lambda n: {"text": text(n), "number": n % 3 + n / 7},
    "preference": lambda n: {
        "prompt": f"What of town {n}?",
        "chosen": text(n),
        "rejected": f"nothing of {n}",
    },
}


def write(task: str, folder: Path, base: Path) -> Path:
    """A case of a file, with what its kind says by itself."""
    rows = [{"id": f"r{n}", **FILES[task](n)} for n in range(ROWS)]
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    data = "data:\n  path: rows.csv\n"
    data += "" if task == "preference" else "  optional: [id]\n"
    data += "  label_separator: '|'\n" if task == "multi_label" else ""
    case = folder / f"{task}-folds.yaml"
    case.write_text(
        f"title: Folds\ntask: {task}\nstrategies: [head]\n{data}model:\n  base: {base}\n"
    )
    return case


def predictions(store: Store, run_id: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(store.text(run_id, "predictions/test.csv")))


def accuracy(frame: pd.DataFrame) -> float:
    return float(accuracy_score(frame["truth"], frame[list(MARKS)].idxmax(axis=1)))


JUDGED: dict[str, tuple[str, Callable[[pd.DataFrame], float]]] = {
    "single_label": ("accuracy", accuracy),
    "regression": (
        "mae",
        lambda frame: float(mean_absolute_error(frame["number"], frame["predicted"])),
    ),
    "preference": (
        "pair_accuracy",
        lambda frame: float((frame["chosen_reward"] > frame["rejected_reward"]).mean()),
    ),
}


SLOW = ("single_label", "preference")


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[pytest.mark.slow] * (task in SLOW)) for task in JUDGED]
)
def test_every_row_is_tested_once_and_judged_with_the_others(
    task: str, tmp_path: Path, tiny_bert: Path
) -> None:
    metric, judge = JUDGED[task]
    case = write(task, tmp_path, tiny_bert)
    ran = thaw("run", str(case), *options(*QUICK))
    assert ran.code == 0, ran.err
    store = Store()
    (sweep,) = store.sweeps()
    (pooled,) = store.children(sweep.info.run_id, "folds").values()
    frame = predictions(store, pooled.info.run_id)
    assert sorted(frame["id"]) == sorted(
        f"r{n}" if task != "preference" else f"row-{n + 1}" for n in range(ROWS)
    )
    table = store.table(sweep.info.run_id)
    assert table[f"head {metric}"] == pytest.approx(judge(frame), abs=1e-5)
    folds = store.children(sweep.info.run_id)
    assert len(folds) == 2
    assert sum(len(predictions(store, run.info.run_id)) for run in folds.values()) == ROWS
    assert len(store.children(sweep.info.run_id, "baseline")) >= 2
    assert not store.versions(case.stem)


def test_each_fold_decides_labels_at_its_own_thresholds_and_seeds_may_deal_anew(
    tmp_path: Path, tiny_bert: Path
) -> None:
    case = write("multi_label", tmp_path, tiny_bert)
    again = options(*QUICK, "seeds=[1,2]", "split.repeat_folds=true")
    ran = thaw("run", str(case), *again)
    assert ran.code == 0, ran.err
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    assert {run.data.params["fold"] for run in arms.values()} == {"0", "1", "2", "3"}
    names = sorted(MARKS)
    figures, parts = [], []
    for pooled in store.children(sweep.info.run_id, "folds").values():
        seed = pooled.info.run_name.split("seed=")[1][0]
        truth, decided = [], []
        for run in (run for run in arms.values() if run.data.params["seed"] == seed):
            frame = predictions(store, run.info.run_id)
            limits = pd.read_csv(io.StringIO(store.text(run.info.run_id, "thresholds.csv")))

            found = frame[names] >= limits.set_index("label")["threshold"].reindex(names)
            truth += [[name in row.split("|") for name in names] for row in frame["truth"]]
            decided += found.to_numpy().tolist()
            parts.append(frozenset(frame["id"]))
        figures.append(f1_score(truth, decided, average="micro"))
        assert pooled.data.metrics["test/f1_micro_tuned"] == pytest.approx(figures[-1], abs=0.02)
    assert len(set(parts)) == 4  # the second seed's folds are others
    mean = sum(figures) / 2
    assert store.table(sweep.info.run_id)["head f1_micro_tuned"] == pytest.approx(mean, abs=0.02)


def test_what_has_no_folds_says_so() -> None:
    answer = thaw("show", "sawyer_rl", *options("split.folds=3"))
    assert (answer.code, "learn from rewards" in answer.sentence) == (2, True)
    answer = thaw("show", "spam", *options("split.repeat_folds=true"))
    assert (answer.code, "give split.folds" in answer.sentence) == (2, True)
