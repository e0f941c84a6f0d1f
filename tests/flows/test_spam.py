"""The spam case through the command line: a decoder, two classes, quotes as text."""

import json
import shutil
from pathlib import Path

import pytest
from genre_runs import Answer, Store, options, thaw
from prefect.client.orchestration import get_client
from safetensors.torch import load_file, save_file

from tasks.models.base_models import locate

READ_AS_UCI = ("data.format=tsv", "data.header=[label,text]", "data.quotes_are_text=true")


@pytest.fixture(scope="session")
def quick_spam(tiny_gpt2: Path) -> tuple[str, ...]:
    """Overrides that make a run take seconds."""
    return (
        f"model.base={tiny_gpt2}",
        "model.max_length=64",
        "split.near_duplicates=null",  # its rows are of one template
        "training.epochs=1",
        "top_seeds=1",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "registry.enabled=false",
    )


def run_spam(*overrides: str) -> Answer:
    return thaw("run", "spam", *options(*overrides))


def test_the_sample_runs_end_to_end(quick_spam: tuple[str, ...]) -> None:
    answer = run_spam(*quick_spam, "strategies=[last_1,head]", "zero_shot.ask=true")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    asked = store.children(sweep.info.run_id, "baseline")["untouched, asked in words"]
    assert 0 <= asked.data.metrics["test/average_precision"] <= 1
    arms = store.children(sweep.info.run_id)
    assert set(arms) == {"last_1 seed=42", "head seed=42"}
    for arm in arms.values():
        assert {"test/f1", "test/average_precision", "test/balanced_accuracy"} <= set(
            arm.data.metrics
        )
        assert arm.data.tags["thaw.trunk"].startswith("on")
        seen = store.text(arm.info.run_id, "model.txt")
        assert "batches of 8" in seen
        assert "Head(" in seen
        assert "GPT2Model(" in seen
    kept = store.artifacts(sweep.info.run_id)
    assert "comparison/confusion_matrix.svg" in kept
    assert "F1 of spam" in " ".join(answer.out.split())
    with get_client(sync_client=True) as client:
        bar = {each.key: each for each in client.read_latest_artifacts()}["spam-progress"]
    assert bar.type == "progress"
    assert float(str(bar.data)) == 100
    assert str(bar.description).startswith("2 of 2 arms done after")


def test_a_file_with_one_class_is_refused(quick_spam: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "ham.tsv"
    file.write_text("".join(f"ham\tsee you at the bus stop at {n}\n" for n in range(30)))
    answer = run_spam(*quick_spam, f"data.path={file}", *READ_AS_UCI)
    assert answer.code == 2
    assert "at least two" in answer.sentence.lower() or "both labels" in answer.sentence.lower()
    assert all(sweep.info.status == "FAILED" for sweep in Store().sweeps())


def test_a_label_outside_the_set_is_refused_with_its_row(
    quick_spam: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "mixed.tsv"
    rows = [f'{"spam" if n % 3 else "ham"}\tmessage number {n} about "lunch' for n in range(40)]
    rows[20] = "junk\tthis one is neither"
    file.write_text("\n".join(rows) + "\n")
    answer = run_spam(*quick_spam, f"data.path={file}", *READ_AS_UCI)
    assert answer.code == 2
    assert "row 21" in answer.sentence
    assert "junk" in answer.sentence


def test_the_chapters_other_readings_run(quick_spam: tuple[str, ...]) -> None:
    overrides = ("grid.model.pooling=[first,mean]", "training.padding=max", "training.balance=true")
    answer = run_spam(*quick_spam, *overrides, "strategies=[last_1]")
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    arms = Store().children(sweep.info.run_id)
    assert len(arms) == 2
    for arm in arms.values():
        assert "training.padding=max" in arm.data.tags["thaw.trunk"]


def test_a_data_size_curve_asks_the_same_rows(quick_spam: tuple[str, ...]) -> None:
    grid = "grid.training.share=[0.25,0.5,1.0]"
    answer = run_spam(*quick_spam, grid, "strategies=[head]")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    assert set(arms) == {f"head share={share} seed=42" for share in (0.25, 0.5, 1.0)}
    data = {
        name: {each.tags[0].value: each.dataset.digest for each in arm.inputs.dataset_inputs}
        for name, arm in arms.items()
    }
    assert len({each["train"] for each in data.values()}) == 3
    assert len({(each["validation"], each["test"]) for each in data.values()}) == 1
    picture = store.text(sweep.info.run_id, "comparison/quality_against_rows.svg")
    assert "over training rows: head 0." in picture
    assert "Quality against data" in store.text(sweep.info.run_id, "comparison/report.html")


def test_the_real_file_is_read_whole(real_data: Path) -> None:
    from tasks.config.loading import load_case
    from tasks.ingestion.ingest import ingest

    config = load_case("spam", "sample", [f"data.path={real_data}/SMSSpamCollection", *READ_AS_UCI])
    assert ingest(config.data).rows == 5574


@pytest.mark.slow  # as those of imdb, whose probabilities are calibrated
def test_the_champion_answers(quick_spam: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the fresh-process check left out: test_genre runs it for real."""
    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *arguments: None)
    learning = (
        "training.epochs=4",
        "training.learning_rate=1e-3",
        "evaluation.primary=test/roc_auc",
    )
    answer = run_spam(
        *quick_spam, *learning, "registry.enabled=true", "registry.beats=floor", "strategies=[full]"
    )
    assert answer.code == 0, answer.err
    found = thaw("predict", "spam", "You are a winner, call now", "see you at seven", "--json")
    assert found.code == 0, found.err
    for line in found.out.splitlines():
        record = json.loads(line)
        assert len(record["labels"]) == 1
        assert set(record["probabilities"]) == {"ham", "spam"}
        assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_base_models_stand_in_one_table(
    quick_spam: tuple[str, ...], tiny_gpt2: Path, tiny_bert: Path
) -> None:
    answer = run_spam(
        *quick_spam, f"grid.model.base=[{tiny_gpt2},{tiny_bert}]", "strategies=[head]"
    )
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id).values()
    assert {arm.data.params["model.base"] for arm in arms} == {str(tiny_gpt2), str(tiny_bert)}
    assert {arm.data.params["base_digest"] for arm in arms} == {
        locate(str(base)).digest[:16] for base in (tiny_gpt2, tiny_bert)
    }
    assert len({arm.data.metrics["test/loss"] for arm in arms}) == 2  # no trunk is shared
    page = store.text(sweep.info.run_id, "comparison/report.html")
    assert f"{tiny_bert} ({locate(str(tiny_bert)).digest[:12]})" in page


def test_each_base_model_of_a_grid_is_looked_at_before_any_trains(
    quick_spam: tuple[str, ...], tiny_gpt2: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_gpt2, damaged)
    weights = load_file(damaged / "model.safetensors")
    next(iter(weights.values()))[:] = float("nan")
    save_file(weights, damaged / "model.safetensors", {"format": "pt"})
    answer = run_spam(*quick_spam, f"grid.model.base=[{tiny_gpt2},{damaged}]", "strategies=[head]")
    assert answer.code == 2
    assert "is damaged" in answer.sentence
    (sweep,) = Store().sweeps()
    assert not Store().children(sweep.info.run_id)
