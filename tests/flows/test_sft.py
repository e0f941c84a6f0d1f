"""Instruction tuning through the command line: run, compare, predict, and the stage after it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from genre_runs import WRITING, Answer, Store, Swept, home, options, thaw

ANIMALS = ("cat", "dog", "cow", "hen")
ROWS = [
    {"instruction": f"Say {animal} {number}.", "input": "", "output": f"{animal} {animal}"}
    for number in range(10)
    for animal in ANIMALS
]


def run_sft(*overrides: str, force: bool = False) -> Answer:
    return thaw("run", "sft", *options(*overrides), *(["--force"] if force else []))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_sft(tiny_writer: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """40 instructions, and settings with which the tiny model learns them in seconds."""
    return (
        f"data.path={write(tmp_path_factory.mktemp('rows') / 'rows.jsonl', ROWS)}",
        f"model.base={tiny_writer}",
        "language.source_name=Q",
        "language.target_name=A",
        "language.answers=4",
        "training.epochs=6",
        *WRITING,
    )


@pytest.fixture(scope="session")
def session_sft(
    tiny_sft: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """One run with a champion for all tests that only look at it."""
    overrides = (*tiny_sft, "registry.enabled=true", "registry.beats=floor")
    with home(tmp_path_factory.mktemp("sft"), migrated_store) as folder:
        return Swept(folder, overrides, run_sft(*overrides))


@pytest.fixture
def tuned(own_home: Path, session_sft: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The finished sweep, with its store in the environment instead of an empty one."""
    assert session_sft.answer.code == 0, session_sft.answer.err
    with home(session_sft.folder, migrated_store):
        yield session_sft


def test_a_run_ends_with_a_table_that_holds_the_untouched_model(tuned: Swept) -> None:
    assert "untouched, zero-shot" in tuned.answer.out
    assert "perplexity" in tuned.answer.out
    assert "champion" in tuned.answer.out
    arms = Store().children(Store().sweeps()[0].info.run_id)
    assert len(arms) == 2
    for arm in arms.values():
        figures = arm.data.metrics
        assert {"test/distinct_2", "test/repetition_4", "test/words", "test/stops"} <= set(figures)
        assert -1 <= figures["test/similarity"] <= 1
        assert figures["test/perplexity"] < 20
        assert figures["cost/tokens_per_second"] > 0
        assert figures["cost/peak_memory_mb"] > 0


def test_what_has_read_a_text_first_stands_beside_what_has_not(
    tiny_sft: tuple[str, ...], tmp_path: Path
) -> None:
    text = tmp_path / "animals.txt"
    text.write_text("".join(f"A {animal} is a {animal}.\n" for animal in ANIMALS) * 5)
    fields = ("strategies=[full]", "training.epochs=1", "language.answers=2")
    answer = run_sft(*tiny_sft, *fields, f"language.pretrain_on={text}")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    assert len(arms) == 2
    assert sum("-on-animals-" in name for name in arms) == 1
    assert len({arm.data.params["base_digest"] for arm in arms.values()}) == 2
    assert len({arm.data.metrics["test/perplexity"] for arm in arms.values()}) == 2
    assert "untouched, zero-shot" in store.children(sweep.info.run_id, "baseline")


def test_the_same_prompts_stand_answered_before_and_after(tuned: Swept) -> None:
    store = Store()
    sweep = store.sweeps()[0].info.run_id
    text = store.text(sweep, "comparison/answers.md")
    assert text.startswith("# 4 test prompts, answered by untouched, zero-shot and by ")
    assert text.count("**Expected**") == 4
    page = store.text(sweep, "comparison/report.html")
    assert "Test prompts, answered before and after" in page


def test_a_question_gets_the_answer_alone(tuned: Swept) -> None:
    answer = thaw("predict", "sft", "Say cat 3.")
    assert answer.code == 0, answer.err
    assert answer.out.strip()
    assert "Q:" not in answer.out
    assert thaw("predict", "sft", "Say cat 3.").out == answer.out


def test_a_later_stage_loads_the_model_with_its_prompt_by_alias(tuned: Swept) -> None:
    from tasks.registry.prediction import load_champion, predict

    champion = load_champion("sft")
    package = champion.unwrap_python_model().package
    assert package.info.language.prompt == ("", "Q", "A")
    assert package.tokenizer.pad_token_id != package.tokenizer.eos_token_id
    (answer,) = predict(champion, ["Say dog 4."])
    assert answer["answer"] == thaw("predict", "sft", "Say dog 4.").out.strip()


def test_a_champion_is_judged_by_its_loss_on_the_new_test_rows(tuned: Swept) -> None:
    weaker = run_sft(*tuned.overrides, "training.epochs=1", "strategies=[last_1]")
    assert weaker.code == 0, weaker.err
    assert "does not beat" in " ".join(weaker.out.split())


def test_packing_is_a_point_of_the_grid(tiny_sft: tuple[str, ...], own_home: Path) -> None:
    grid = ("strategies=[full]", "grid.training.packing=[false,true]", "training.epochs=2")
    answer = run_sft(*tiny_sft, *grid)
    assert answer.code == 0, answer.err
    assert "packing=True" in answer.out
    assert "packing=False" in answer.out


def test_a_chat_template_that_is_not_there_is_a_sentence(
    tiny_sft: tuple[str, ...], own_home: Path
) -> None:
    answer = run_sft(*tiny_sft, "language.template=chat")
    assert answer.code == 2
    assert "language.template=plain" in answer.sentence


def test_a_broken_line_is_named_and_can_be_left_out(
    tiny_sft: tuple[str, ...], own_home: Path, tmp_path: Path, to_training: str
) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:2], "{oops", *lines[2:]]), encoding="utf-8")
    broken = (*tiny_sft, f"data.path={path}")
    answer = run_sft(*broken)
    assert answer.code == 2
    assert "line 3: not JSON" in answer.sentence
    assert run_sft(*broken, "data.on_bad_line=skip").sentence == to_training


def test_a_prompt_that_fills_the_context_is_left_out_and_counted(
    tiny_sft: tuple[str, ...], own_home: Path, tmp_path: Path
) -> None:
    long = [
        {"instruction": f"Say {'very ' * 30}{number}.", "input": "", "output": "no"}
        for number in range(12)
    ]
    path = write(tmp_path / "rows.jsonl", [*long, *ROWS])
    answer = run_sft(*tiny_sft, f"data.path={path}", "strategies=[last_1]", "training.epochs=1")
    assert answer.code == 0, answer.err
    store = Store()
    (arm,) = store.children(store.sweeps()[0].info.run_id).values()
    held_out = "".join(
        store.text(arm.info.run_id, f"predictions/{part}.csv") for part in ("validation", "test")
    )
    elsewhere = held_out.count("Say very")
    assert elsewhere < len(long)
    assert arm.data.metrics["cost/dropped_pairs"] == len(long) - elsewhere


def test_packing_without_trl_is_a_sentence(tiny_sft: tuple[str, ...], own_home: Path) -> None:
    answer = run_sft(*tiny_sft, "training.packing=true", "language.trainer=thaw")
    assert answer.code == 2
    assert "language.trainer=trl" in answer.sentence
