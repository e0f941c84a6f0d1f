"""A sweep of soft prompt and LoRA from the command line: compared, registered, predicted with."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from genre_runs import LEARNING, Answer, Store, Swept, home, run_genre, thaw

GHOSTS = "The ghost left blood on the grave of the dead"
TEAM = "The coach of the team saw the goal of the match"


@pytest.fixture(scope="module")
def adapter_sweep(
    small: tuple[str, ...],
    migrated_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Swept:
    """One sweep whose best arm is registered."""
    overrides = (
        *small,
        *LEARNING,
        "training.epochs=2",
        "training.lora_learning_rate=1.0e-2",
        "strategies=[prompt_4,lora_4,dora_4,bitfit,head]",
        "registry.enabled=true",
        "registry.beats=floor",
    )
    with home(tmp_path_factory.mktemp("adapters"), migrated_store) as folder:
        return Swept(folder, overrides, run_genre(*overrides))


@pytest.fixture
def adapters(own_home: Path, adapter_sweep: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The sweep, with its store in the environment."""
    assert adapter_sweep.answer.code == 0, adapter_sweep.answer.err
    with home(adapter_sweep.folder, migrated_store):
        yield adapter_sweep


def answers(answer: Answer) -> list[dict[str, float]]:
    assert answer.code == 0, answer.err
    return [json.loads(line)["probabilities"] for line in answer.out.splitlines()]


def test_the_sweep_compares_them_and_logs_what_each_costs(adapters: Swept) -> None:
    shown = thaw("compare", "genre").out
    (sweep,) = Store().sweeps()
    arms = Store().children(sweep.info.run_id)
    saved = {}
    for name in ("prompt_4", "lora_4", "dora_4", "bitfit", "head"):
        assert name in shown
        saved[name] = arms[f"{name} seed=42"].data.metrics["cost/saved_bytes"]
    assert saved["head"] < saved["prompt_4"] < saved["lora_4"] < saved["dora_4"]
    assert arms["prompt_4 seed=42"].data.tags["thaw.trunk"].startswith("a soft prompt changes")
    assert arms["lora_4 seed=42"].data.tags["thaw.trunk"] == "LoRA changes every block"


def test_any_arm_of_the_sweep_predicts_and_the_registered_one_the_same(adapters: Swept) -> None:
    (alias,) = Store().aliases()
    registered = answers(thaw("predict", "genre", "--alias", alias, "--json", GHOSTS, TEAM))
    (sweep,) = Store().sweeps()
    best = sweep.data.tags["thaw.best"]
    found = {
        name: answers(thaw("predict", "genre", "--strategy", name, "--json", GHOSTS, TEAM))
        for name in ("prompt_4", "lora_4", "dora_4", "bitfit", "head")
    }
    assert len({str(each) for each in found.values()}) == 5
    for one, same in zip(found[best], registered, strict=True):
        assert one == pytest.approx(same, abs=1e-5)


def test_a_strategy_that_the_sweep_has_not(adapters: Swept) -> None:
    answer = thaw("predict", "genre", "--strategy", "prompt_20", GHOSTS)
    assert answer.code == 2
    assert (
        "has no arm of strategy prompt_20: it has bitfit, dora_4, head, lora_4, prompt_4"
        in answer.sentence
    )


def test_a_strategy_and_an_alias_are_not_asked_for_at_once(adapters: Swept) -> None:
    answer = thaw("predict", "genre", "--strategy", "head", "--alias", "challenger", GHOSTS)
    assert answer.code == 2
    assert "give one of them" in answer.sentence


def test_a_strategy_before_any_sweep() -> None:
    answer = thaw("predict", "genre", "--strategy", "head", GHOSTS)
    assert answer.code == 2
    assert "No sweep of genre is finished yet: `thaw run genre`" in answer.sentence


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("strategies=[full,prompt_190]", "prompt_190 leaves 2 of the base model's 192 positions"),
        ("training.trunk=on", "trunk=on does not go with strategy prompt_4: a soft prompt changes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    small: tuple[str, ...], override: str, says: str
) -> None:
    answer = run_genre(*small, "strategies=[full,prompt_4]", override)
    assert answer.code == 2
    assert says in answer.sentence
    assert all(run.data.tags["thaw.kind"] == "sweep" for run in Store().runs())  # no arm began
