"""The LaTeX case through the command line: run, run again, folds, compare, predict."""

import csv
import io
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from genre_runs import WRITING, Answer, Store, Swept, home, options, thaw, write_csv
from interrupting import after_a_checkpoint, interrupt

GREEK = ("alpha", "beta", "gamma", "delta")
BASELINES = {"untouched, zero-shot", "untouched, 2-shot"}
PAIRS = [
    {"English": f"{letter} {'plus' if number % 2 else 'times'} {number}", "LaTeX": f"\\{letter}"}
    for number in range(12)
    for letter in GREEK
]
FEW = ("training.epochs=1",)
ANSWERS = "predictions/test.csv"


def run_latex(*overrides: str, force: bool = False) -> Answer:
    return thaw("run", "latex", *options(*overrides), *(["--force"] if force else []))


@pytest.fixture(scope="session")
def tiny_latex(tiny_writer: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """48 pairs, and settings with which the tiny model learns them in seconds."""
    file = write_csv(tmp_path_factory.mktemp("pairs") / "pairs.csv", PAIRS)
    return (
        f"data.path={file}",
        f"model.base={tiny_writer}",
        "language.instruction=''",
        "language.source_name=E",
        "language.target_name=L",
        "language.few_shot=2",
        "training.epochs=10",
        *WRITING,
        "training.learning_rate=8.0e-3",
    )


@pytest.fixture(scope="session")
def session_latex(
    tiny_latex: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """One run with a champion for all tests that only look at it."""
    overrides = (*tiny_latex, "registry.enabled=true", "registry.beats=floor")
    with home(tmp_path_factory.mktemp("latex"), migrated_store) as folder:
        return Swept(folder, overrides, run_latex(*overrides))


@pytest.fixture
def written(own_home: Path, session_latex: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The finished sweep, with its store in the environment instead of an empty one."""
    assert session_latex.answer.code == 0, session_latex.answer.err
    with home(session_latex.folder, migrated_store):
        yield session_latex


def test_the_trained_arms_beat_the_untouched_model_in_one_table(written: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    assert set(arms) == {"full seed=42", "freeze_2 seed=42"}
    assert set(store.children(sweep.info.run_id, "baseline")) == BASELINES
    table = store.table(sweep.info.run_id)
    for strategy in ("full", "freeze_2"):
        assert table[f"{strategy} normalised_match"] > 0.5
        assert table[f"{strategy} stops"] == 1
        assert table[f"{strategy} loss"] < table["untouched, zero-shot loss"] / 2
    for name in BASELINES:
        assert table[f"{name} normalised_match"] < 0.1
    for run in arms.values():
        for name in ("val/loss", "val/whole_text_loss", "test/perplexity", "cost/train_seconds"):
            assert name in run.data.metrics, name
        curve = store.client.get_metric_history(run.info.run_id, "val/token_accuracy")
        chosen = run.data.metrics["val/token_accuracy"]
        end = max(point.step for point in curve)
        last = [point.value for point in curve if point.step == end]
        assert last == pytest.approx([chosen, chosen])  # while it trained, and read again after
    assert "thaw.trunk" in arms["full seed=42"].data.tags
    assert arms["freeze_2 seed=42"].data.tags["thaw.trunk"].startswith("on: hidden states")


def test_every_answer_is_kept_by_id_with_its_scores(written: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    children = store.children(sweep.info.run_id) | store.children(sweep.info.run_id, "baseline")
    seen = set()
    for run in children.values():
        rows = list(csv.DictReader(io.StringIO(store.text(run.info.run_id, ANSWERS))))
        seen.add(tuple((row["id"], row["prompt"], row["expected"]) for row in rows))
        for name in ("normalised_match", "stops"):
            mean = sum(float(row[name]) for row in rows) / len(rows)
            assert run.data.metrics[f"test/{name}"] == pytest.approx(mean)
        for row in rows:
            assert (row["normalised_match"] == "1.0") == (row["generated"] == row["expected"])
    assert len(seen) == 1  # all are asked the same rows, in the same order


def test_the_report_shows_formulas_and_needs_no_network(written: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    kept = store.artifacts(sweep.info.run_id)
    assert {path for path in kept if path.endswith((".png", ".svg"))} == {
        "comparison/quality_against_cost.svg",
        *(f"comparison/learning_curves/{name}.svg" for name in ("loss", "token_accuracy")),
        "comparison/learning_curves/perplexity.svg",
        "comparison/formulas.png",
    }
    page = store.text(sweep.info.run_id, "comparison/report.html")
    assert 'src="http' not in page
    assert "what was asked, expected and generated" in page
    shown = thaw("compare", "latex", "--markdown")
    assert "untouched, 2-shot" in shown.out


def test_the_champion_prints_the_latex_alone(written: Swept) -> None:
    store = Store()
    assert store.aliases("latex") == {"champion": 1}
    (version,) = store.client.search_model_versions("name='latex'")
    assert "beats untouched, zero-shot's" in version.tags["thaw.verdict"]
    for part in ("**Answers.** Generated greedily", "Prompt:", "| full"):
        assert part in version.description
    best = store.sweeps()[0].data.tags["thaw.best"]
    rows = csv.DictReader(io.StringIO(store.text(version.run_id, ANSWERS)))
    asked = {row["prompt"]: row["generated"] for row in rows}
    answer = thaw("predict", "latex", *asked)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == list(asked.values())
    same = thaw("predict", "latex", *asked, "--strategy", best)
    assert same.out == answer.out


def test_a_file_is_answered_line_by_line_with_beams(written: Swept, tmp_path: Path) -> None:
    file = tmp_path / "asked.txt"
    file.write_text("alpha plus 3\n\nbeta times 4\n", encoding="utf-8")
    found = thaw("predict", "latex", "--file", str(file), "--json", "--beams", "3")
    assert found.code == 0, found.err
    first, second = (json.loads(line) for line in found.out.splitlines())
    assert (first["text"], second["text"]) == ("alpha plus 3", "beta times 4")
    assert first["answer"].startswith("\\")
    assert first["stopped"] is True
    assert first["tokens"] == len(first["answer"]) + 2  # a byte each, the space before, the end


def test_the_same_command_again_trains_nothing_and_says_the_same(written: Swept) -> None:
    again = run_latex(*written.overrides)
    assert again.code == 0, again.err
    assert "nothing was trained" in again.out
    assert len(Store().sweeps()) == 1


@pytest.mark.slow
def test_two_runs_with_one_seed_write_the_same_text(
    tiny_latex: tuple[str, ...], written: Swept, migrated_store: Path, tmp_path: Path
) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    first = store.text(store.children(sweep.info.run_id)["full seed=42"].info.run_id, ANSWERS)
    with home(tmp_path / "other", migrated_store):
        assert run_latex(*tiny_latex, "strategies=[full]").code == 0
        (other,) = Store().sweeps()
        run = Store().children(other.info.run_id)["full seed=42"]
        assert Store().text(run.info.run_id, ANSWERS) == first


@pytest.mark.slow
def test_folds_test_every_pair_once_and_register_nothing(tiny_latex: tuple[str, ...]) -> None:
    folds = (
        "split.folds=2",
        "strategies=[full,lora_4]",
        "training.epochs=2",
        "registry.enabled=true",
        "registry.beats=floor",
    )
    answer = run_latex(*tiny_latex, *folds)
    assert answer.code == 0, answer.err
    assert "Over the folds" in answer.out
    store = Store()
    (sweep,) = store.sweeps()
    assert store.versions("latex") == []
    assert "folds measure strategies" in sweep.data.tags["thaw.verdict"]
    arms = store.children(sweep.info.run_id)
    assert set(arms) == {f"{s} seed=42 fold={f}" for s in ("full", "lora_4") for f in (0, 1)}
    pooled = store.children(sweep.info.run_id, "folds")
    assert set(pooled) == {"full seed=42 all folds", "lora_4 seed=42 all folds"}
    measured = pooled["full seed=42 all folds"].data.metrics
    each = [arms[f"full seed=42 fold={f}"].data.metrics["test/loss"] for f in (0, 1)]
    assert measured["test/loss_fold_mean"] == pytest.approx(sum(each) / 2)
    assert measured["test/loss_fold_std"] == pytest.approx(abs(each[0] - each[1]) / 2**0.5)
    assert min(each) <= measured["test/loss"] <= max(each)
    baselines = store.children(sweep.info.run_id, "baseline")
    for run in [*pooled.values(), *baselines.values()]:
        rows = list(csv.DictReader(io.StringIO(store.text(run.info.run_id, ANSWERS))))
        assert sorted(row["prompt"] for row in rows) == sorted(pair["English"] for pair in PAIRS)
    assert store.table(sweep.info.run_id)["full loss"] == pytest.approx(measured["test/loss"])
    again = run_latex(*tiny_latex, *folds)
    assert "nothing was trained" in again.out


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_answers(
    tiny_latex: tuple[str, ...],
    written: Swept,
    migrated_store: Path,
    tmp_path: Path,
    forked_python: str,
) -> None:
    undisturbed = Store().table(Store().sweeps()[0].info.run_id)
    with home(tmp_path / "killed", migrated_store) as folder:
        moment = after_a_checkpoint
        code = interrupt(forked_python, tiny_latex, folder, moment, signal.SIGKILL, "latex")
        assert code == -signal.SIGKILL
        answer = run_latex(*tiny_latex)
        assert answer.code == 0, answer.err
        (sweep,) = Store().sweeps()
        assert Store().table(sweep.info.run_id) == undisturbed


BAD = [
    ("strategies=[prompt_4]", "a soft prompt is put before the texts of classifiers"),
    ("strategies=[head]", "(last_1 is the least that can train)"),
    ("training.backend=hosted", "training.backend=local"),
    ("training.padding=max", "use dynamic"),
    ("training.select_by=val/normalised_match", "did you mean val/"),
    ("evaluation.primary=test/whole_text_loss", "cannot decide which model stands"),
    ("evaluation.ordered=true", "this one has no labels"),
    ("split.folds=100", "100 folds need as many different prompts, and the data has 48"),
    ("data.columns.latex=Tex", "map with data.columns.latex=LaTeX"),
    ("language.few_shot=500", "fewer"),
    ("model.max_length=12", "fits into 12 tokens"),
]


@pytest.mark.parametrize(("override", "said"), BAD)
def test_a_wrong_request_is_a_sentence(
    tiny_latex: tuple[str, ...], override: str, said: str
) -> None:
    enabled = (
        (
            "registry.enabled=true",
            "registry.beats=floor",
        )
        if "primary" in override
        else ()
    )
    answer = run_latex(*tiny_latex, *FEW, "strategies=[last_1]", *enabled, override)
    assert answer.code == 2, answer.out
    assert said in answer.sentence or "lower it" in answer.sentence
    assert Store().versions("latex") == []


def test_a_base_model_that_does_not_write_is_named(
    tiny_latex: tuple[str, ...], tiny_bert: Path
) -> None:
    answer = run_latex(*tiny_latex, f"model.base={tiny_bert}")
    assert answer.code == 2
    assert "name a decoder" in answer.sentence


def test_a_tokenizer_without_end_token_is_refused(
    tiny_latex: tuple[str, ...], tiny_writer: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "endless"
    shutil.copytree(tiny_writer, folder)
    for name in ("tokenizer_config.json", "config.json", "generation_config.json"):
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | {"eos_token": None, "eos_token_id": None}))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    answer = run_latex(*tiny_latex, f"model.base={folder}")
    assert answer.code == 2
    assert "names neither a pad nor an end token" in answer.sentence


def pairs_with(path: Path, row: int, **cells: str) -> Path:
    """The pairs, with other cells in one row (counted from 1)."""
    return write_csv(path, [{**p, **(cells if n == row else {})} for n, p in enumerate(PAIRS, 1)])


def test_an_empty_completion_blocks_with_its_row(
    tiny_latex: tuple[str, ...], tmp_path: Path
) -> None:
    file = pairs_with(tmp_path / "pairs.csv", 7, LaTeX="")
    answer = run_latex(*tiny_latex, f"data.path={file}")
    assert answer.code == 2
    assert "Every row has its LaTeX" in answer.sentence
    assert "row-7" in answer.sentence or "row 7" in answer.sentence


def test_unbalanced_braces_are_a_warning_with_their_row(
    tiny_latex: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    file = pairs_with(tmp_path / "pairs.csv", 9, LaTeX=r"\frac{1}{2")
    assert run_latex(*tiny_latex, f"data.path={file}").sentence == to_training
    (sweep,) = Store().sweeps()
    report = json.loads(Store().text(sweep.info.run_id, "validation/report.json"))
    (finding,) = [f for f in report["findings"] if f["column"] == "tex_fault"]
    assert [offender["row"] for offender in finding["offenders"]] == [9]
    assert (finding["severity"], finding["passed"]) == ("warn", False)
    assert report["labels"] == []


def test_a_pair_that_does_not_fit_is_counted_and_never_cut(
    tiny_latex: tuple[str, ...], tmp_path: Path
) -> None:
    """Wherever it lands: in training it is left out, in test it is asked all the same."""
    file = pairs_with(tmp_path / "pairs.csv", 3, English="so many words " * 20)
    parts = ("split.folds=2", "split.validation=0.2")
    answer = run_latex(*tiny_latex, *FEW, f"data.path={file}", *parts, "strategies=[last_1]")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id).values()
    assert sum(arm.data.metrics["cost/dropped_pairs"] for arm in arms) in (0, 1)
    (pooled,) = store.children(sweep.info.run_id, "folds").values()
    rows = list(csv.DictReader(io.StringIO(store.text(pooled.info.run_id, ANSWERS))))
    (long,) = [row for row in rows if row["prompt"].startswith("so many words")]
    assert len(rows) == len(PAIRS)
    assert (long["generated"], long["stopped"], long["tokens"]) == ("", "False", "0")
    assert (long["normalised_match"], long["tokens_of_loss"]) == ("0.0", "0.0")


def test_beams_are_refused_where_nothing_is_written() -> None:
    answer = thaw("predict", "spam", "hello", "--beams", "2")
    assert answer.code == 2
    assert "--beams is for cases that write" in answer.sentence
