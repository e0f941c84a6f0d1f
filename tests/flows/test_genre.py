"""The whole chain on the shipped sample and on a file of one's own, run and run again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from genre_runs import (
    MARKS,
    Answer,
    Store,
    Swept,
    home,
    run_genre,
    synopses,
    thaw_apart,
    write_csv,
)

from tasks.config.kinds import case_of_json
from tasks.config.loading import load_case
from tasks.storage import TableRef

WORDS = {"TF-IDF + logistic regression", "characters + logistic regression"}
EMBEDDINGS = "embeddings + logistic regression"
BASELINES = {"untrained head", "label frequencies", *WORDS, EMBEDDINGS}
SELECTED = "val/average_precision_micro"
ARMS = {"full seed=42", "freeze_2 seed=42"}
CURVES = ("loss", "average_precision_micro", "f1_micro", "f1_macro", "average_precision_macro",
          "roc_auc_macro", "jaccard_samples")  # fmt: skip


@pytest.mark.slow  # `make demo` is the same with a real model
def test_the_sample_runs_end_to_end(quick: tuple[str, ...]) -> None:
    answer = run_genre(*quick)
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FINISHED"
    assert sweep.info.run_id in answer.out.replace("\n", "")
    parts = json.loads(store.text(sweep.info.run_id, "split/report.json"))["parts"][0]
    assert sum(parts.values()) > 400
    assert set(parts) == {"train", "validation", "test"}
    assert set(store.children(sweep.info.run_id)) == ARMS
    for name in (*ARMS, "TF-IDF"):
        assert name.split()[0] in answer.out
    assert store.versions() == []  # registry.enabled=false


def test_a_sweep_keeps_its_reports_on_the_parent_run(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    run_id = sweep.info.run_id
    kept = store.artifacts(run_id)
    assert {
        "config.json",
        "validation/report.html",
        "validation/report.json",
        "split/report.json",
        "comparison/report.html",
        "comparison/table.md",
        "comparison/comparison.json",
        "comparison/labels.csv",
        "comparison/examples.json",
        "split/parts.csv",
    } <= kept
    assert {path for path in kept if path.endswith((".png", ".svg"))} == {
        "comparison/quality_against_cost.svg",
        *(f"comparison/learning_curves/{name}.svg" for name in CURVES),
        "comparison/precision_recall.svg",
        "comparison/cost_over_answers.svg",
    }
    config = case_of_json(store.text(run_id, "config.json"))
    assert config == load_case("genre", "sample", swept.overrides)
    page = store.text(run_id, "comparison/report.html")
    assert "freeze_2" in page
    parts = json.loads(store.text(run_id, "split/report.json"))["parts"][0]
    rows = [line.split(",") for line in store.text(run_id, "split/parts.csv").splitlines()]
    assert rows[0] == ["id", "row", "part"]
    assert {part: [row[-1] for row in rows].count(part) for part in parts} == parts
    assert len({row[0] for row in rows}) == 1 + sum(parts.values())
    shown = json.loads(store.text(run_id, "comparison/examples.json"))
    assert shown["columns"][0] == "text"
    assert shown["data"][0][0][:40] in unescape(page)
    assert 'src="http' not in page  # it needs no network
    assert json.loads(store.text(run_id, "validation/report.json"))["passed"]
    rows = {"full", "freeze_2", *BASELINES}
    assert {name.rpartition(" ")[0] for name in store.table(run_id)} == rows


def test_a_sweep_can_be_found_by_its_tags(swept: Swept) -> None:
    (sweep,) = Store().sweeps()
    tags = sweep.data.tags
    assert tags["thaw.case"] == "genre"
    assert tags["thaw.profile"] == "own"
    assert tags["thaw.best"] in {"full", "freeze_2"}
    assert tags["thaw.registered"] == "genre version 1"
    assert tags["prefect.flow_run_name"].startswith("genre: full, freeze_2 on series.csv, 20")
    assert "beats the base rate" in tags["thaw.verdict"]
    told = tags["mlflow.note.content"]
    assert "| full" in told
    assert "TF-IDF" in told.partition("\n")[0]  # what it came to stands first
    assert f"]({tags['prefect.flow_run_page']})" in told
    assert tags["prefect.flow_run_page"].endswith(tags["prefect.flow_run_id"])


def test_mlflows_page_opens_as_training_and_shows_what_the_table_says(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    tags = store.client.get_experiment(sweep.info.experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert load_case("genre").title in tags["mlflow.note.content"]
    view = json.loads(tags["mlflow.sharedViewState.thaw"])
    columns = view["selectedColumns"]
    assert view["columnOrder"] == columns == list(view["columnWidths"])
    table, best = store.table(sweep.info.run_id), sweep.data.tags["thaw.best"]
    runs = store.children(sweep.info.run_id) | store.children(sweep.info.run_id, "baseline")
    for name, run in (*runs.items(), (best, sweep)):
        figures = run.data.metrics
        there = {
            f"{kind}.`{key}`"
            for kind in ("metrics", "params", "tags")
            for key in getattr(run.data, kind)
        }
        assert len(there & set(columns)) >= 5, name
        entry = name.partition(" seed")[0]
        assert figures["primary"] == pytest.approx(table[f"{entry} f1_micro_tuned"])
        assert figures["primary_low"] <= figures["primary"] <= figures["primary_high"]
    said = {name.partition(" seed")[0]: run.data.tags["thaw.verdict"] for name, run in runs.items()}
    assert said.pop(best) == "chosen on validation"
    assert all(verdict.endswith(f" {best}") for verdict in said.values()), said
    assert sweep.data.tags["thaw.headline"]


def test_every_arm_is_a_finished_child_run_with_its_figures(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    assert set(arms) == ARMS
    for run in arms.values():
        assert run.info.status == "FINISHED"
        # The chosen one has its package, too.
        models = [each.model_id for each in run.outputs.model_outputs]
        figures = [each for id_ in models for each in store.client.get_logged_model(id_).metrics]
        (tuned,) = (each for each in figures if each.key == "test/f1_micro_tuned")
        assert (tuned.dataset_name, tuned.value) == (
            "genre-test",
            run.data.metrics["test/f1_micro_tuned"],
        )
        for name in (
            "train/loss",
            "val/loss",
            "val/f1_micro",
            "test/f1_micro_tuned",
            "test/average_precision_macro",
            "cost/trainable_parameters",
            "cost/train_seconds",
            "cost/examples_per_second",
            "cost/peak_memory_mb",
        ):
            assert name in run.data.metrics, name
        groups = {name.partition("/")[0] for name in run.data.metrics} - {"latency"}  # of the best
        assert groups == {"train", "val", "test", "cost", "primary", "primary_low", "primary_high"}
        curve = store.client.get_metric_history(run.info.run_id, "val/loss")
        steps = [point.step for point in curve]
        assert steps == sorted(steps)
        assert len(set(steps)) == 6  # one for each epoch; the last once more, see below
        chosen = float(store.client.get_run(run.info.run_id).data.metrics[SELECTED])
        epochs = [p.value for p in store.client.get_metric_history(run.info.run_id, SELECTED)]
        assert chosen == pytest.approx(max(epochs))  # the run shows its best checkpoint's figures
        assert {"strategy", "seed", "training.epochs", "model.base"} <= set(run.data.params)
    least, most = arms["freeze_2 seed=42"], arms["full seed=42"]
    assert (
        least.data.metrics["cost/trainable_parameters"]
        < most.data.metrics["cost/trainable_parameters"]
        == most.data.metrics["cost/total_parameters"]
    )


def test_arms_log_their_parts_under_the_digest_of_all_rows(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    for run in [sweep, *store.children(sweep.info.run_id).values()]:
        inputs = {each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs}
        assert set(inputs) == {"train", "validation", "test"}
        for part, dataset in inputs.items():
            path = Path(json.loads(dataset.source)["uri"])
            assert path.stem == dataset.digest[:24]
            assert dataset.name == f"genre-{part}"
            rows = json.loads(dataset.profile)["num_rows"]
            table = TableRef(path=path, digest="", rows=rows, columns=(), origin="").read()
            assert len(table) == rows > 0


def test_predictions_are_kept_by_example_id(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    children = store.children(sweep.info.run_id) | store.children(sweep.info.run_id, "baseline")
    ids = set()
    for run in children.values():
        head, *lines = store.text(run.info.run_id, "predictions/test.csv").splitlines()
        assert head == "id,truth,Action,Horror,Sports"
        ids.add(tuple(line.partition(",")[0] for line in lines))
        for line in lines:
            assert all(0 <= float(cell) <= 1 for cell in line.split(",")[2:])
    (same,) = ids  # all are measured on the same rows, in the same order
    assert len(set(same)) == len(same) > 5
    assert set(same) <= {row["id"] for row in synopses()}


def test_the_baselines_stand_in_the_same_table(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    found = store.children(sweep.info.run_id, "baseline")
    assert set(found) == BASELINES
    table = store.table(sweep.info.run_id)
    for name, run in found.items():
        assert run.info.status == "FINISHED"
        assert table[f"{name} f1_micro_tuned"] == pytest.approx(
            run.data.metrics["test/f1_micro_tuned"]
        )


@dataclass(frozen=True)
class Once:
    """A sweep that the tests below run again, each in its way."""

    folder: Path
    answer: Answer
    run_id: str


@pytest.fixture(scope="module")
def ran_once(
    small: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Once:
    with home(tmp_path_factory.mktemp("once"), migrated_store) as folder:
        answer = run_genre(*small)
        assert answer.code == 0, answer.err
        return Once(folder, answer, Store().sweeps()[0].info.run_id)


@pytest.fixture
def once(own_home: Path, ran_once: Once, migrated_store: Path) -> Iterator[Once]:
    with home(ran_once.folder, migrated_store):
        yield ran_once


def test_the_same_command_again_trains_nothing(small: tuple[str, ...], once: Once) -> None:
    before = Store().runs()
    second = run_genre(*small)
    assert second.code == 0, second.err
    assert "nothing was trained" in second.out
    assert "nothing was trained" not in once.answer.out
    assert [run.to_dictionary() for run in Store().runs()] == [
        run.to_dictionary() for run in before
    ]
    assert figures(once.answer) == figures(second)  # arms' seconds, too: shown is what was logged


def figures(answer: Answer) -> str:
    """What a command printed above its closing lines."""
    return answer.out.partition("Every arm was finished")[0].partition("\nTook ")[0].rstrip()


def test_one_more_strategy_trains_one_more_arm(small: tuple[str, ...], once: Once) -> None:
    answer = run_genre(*small, "strategies=[full,freeze_2,head]")
    assert answer.code == 0, answer.err
    store = Store()
    (second,) = [run for run in store.sweeps() if "head" in run.data.params["strategies"]]
    old, new = store.children(once.run_id), store.children(second.info.run_id)
    assert set(new) == {*ARMS, "head seed=42"}
    for name in ARMS:
        assert new[name].data.tags["thaw.reused_from"] == old[name].info.run_id
        assert new[name].data.metrics == pytest.approx(old[name].data.metrics)
    # The head is what embeddings with logistic regression were, and is not solved twice either.
    reference = store.children(once.run_id, "baseline")[EMBEDDINGS]
    assert new["head seed=42"].data.tags["thaw.reused_from"] == reference.info.run_id
    before, after = store.table(once.run_id), store.table(second.info.run_id)
    gone = before.items() - after.items()  # the head is embeddings with logistic regression
    assert {name.rpartition(" ")[0] for name, _ in gone} == {EMBEDDINGS}


def test_force_trains_again_in_a_sweep_of_its_own(small: tuple[str, ...], once: Once) -> None:
    store = Store()
    known = {run.info.run_id for run in store.sweeps()}
    answer = run_genre(*small, force=True)
    assert answer.code == 0, answer.err
    assert "nothing was trained" not in answer.out
    (again,) = {run.info.run_id for run in store.sweeps()} - known
    arms = store.children(again)
    assert not any("thaw.reused_from" in arm.data.tags for arm in arms.values())
    for name, before in store.children(once.run_id).items():
        after = arms[name].data.metrics
        assert after["cost/train_seconds"] != before.data.metrics["cost/train_seconds"]
    assert store.table(again) == store.table(once.run_id)


def test_arms_in_processes_come_to_the_same_as_in_sequence(
    small: tuple[str, ...], once: Once, forked_python: str
) -> None:
    """Two at a time, to the last digit: each has random states of its own."""
    store = Store()
    known = {run.info.run_id for run in store.sweeps()}
    two = ("execution.runner=processes", "execution.workers=2")
    code, said = thaw_apart(forked_python, *small, *two, force=True)
    assert code == 0, said
    (together,) = {run.info.run_id for run in store.sweeps()} - known
    assert store.table(together) == store.table(once.run_id)


def test_what_was_threads_is_processes() -> None:
    assert load_case("genre", "sample", ("execution.runner=threads",)).execution.runner == (
        "processes"
    )


def test_a_file_with_other_names_runs_by_override_alone(
    quick: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    rows = [
        {"Name": row["title"], "plot": row["synopsis"], "kinds": row["genres"].replace(", ", "|")}
        for row in synopses()
    ]
    file = write_csv(tmp_path / "mine.tsv", rows, separator="\t")
    answer = run_genre(
        *quick,
        f"data.path={file}",
        "data.columns={title: Name, synopsis: plot, genres: kinds}",
        "data.label_separator='|'",
    )
    assert answer.sentence == to_training
    (sweep,) = Store().sweeps()
    report = json.loads(Store().text(sweep.info.run_id, "split/report.json"))
    assert set(report["labels"]) == {*MARKS}


def test_a_grid_and_seeds_make_an_arm_of_each_combination(small: tuple[str, ...]) -> None:
    answer = run_genre(
        *small,
        "strategies=[head]",
        "seeds=[1,2]",
        "training.solve_head=false",  # its optimum knows no rate
        "grid.training.learning_rate=[0.001,0.01]",
    )
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    assert set(store.children(sweep.info.run_id)) == {
        f"head learning_rate={rate} seed={seed}" for rate in (0.001, 0.01) for seed in (1, 2)
    }
    rows = {name.rpartition(" ")[0] for name in store.table(sweep.info.run_id)}
    assert {"head learning_rate=0.001", "head learning_rate=0.01"} == rows - BASELINES
