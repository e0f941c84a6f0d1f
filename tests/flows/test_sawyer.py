"""The three stages through the command line: chained, linked, reported, resumed, asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from genre_runs import WRITING, Answer, Store, Swept, home, options, thaw
from policy_runs import learning
from registry.registered import register, reward_model

ANIMALS = ("cat", "dog", "cow", "hen")
QUESTION = "Say cat 3."


def run_sawyer(*overrides: str) -> Answer:
    return thaw("run", "sawyer", *options(*overrides))


@pytest.fixture(scope="session")
def tiny_sawyer(
    tiny_writer: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """Overrides of all three stages that take seconds."""
    folder = tmp_path_factory.mktemp("sawyer-data")
    said = [
        {"instruction": f"Say {animal} {n}.", "input": "", "output": f"{animal} {animal}"}
        for n in range(10)
        for animal in ANIMALS
    ]
    compared = [
        {
            "user_input": f"Say {animal} {n}.",
            "responses_and_scores": [
                {"response": f"{animal} {animal} {animal}", "source": "a", "score": 9},
                {"response": animal, "source": "b", "score": 2},
            ],
        }
        for n in range(10, 20)
        for animal in ANIMALS
    ]
    for name, rows in (("said", said), ("compared", compared)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    plain = tuple(each for each in WRITING if not each.startswith("registry"))
    return (
        *(f"{stage}.registry.beats=floor" for stage in ("sft", "reward", "rl")),
        *(f"sft.{each}" for each in plain),
        f"sft.data.path={folder / 'said.jsonl'}",
        f"sft.model.base={tiny_writer}",
        "sft.strategies=[full]",
        "sft.training.epochs=6",
        "sft.language.answers=4",
        "sft.language.few_shot=0",
        f"reward.data.path={folder / 'compared.jsonl'}",
        f"reward.model.base={tiny_bert}",
        "reward.strategies=[head]",
        "reward.top_seeds=1",
        "reward.training.epochs=1",
        "reward.split.near_duplicates=null",
        "reward.evaluation.bootstrap=100",
        f"rl.data.path={folder / 'compared.jsonl'}",
        "rl.data.columns.prompt=user_input",
        "rl.split.near_duplicates=null",
        "rl.split.test=0.25",
        "rl.strategies=[last_2]",
        "rl.evaluation.bootstrap=100",
        "rl.rewards=[{name: preference, model: sawyer_reward@champion, weight: 0.01}, "
        "{name: words, function: length}]",
        *learning("rl"),
    )


@pytest.fixture(scope="session")
def session_sawyer(
    tiny_sawyer: tuple[str, ...],
    tiny_bert: Path,
    migrated_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Swept:
    """One run of the chain. A tiny reward model may lose to its baselines, so one stands already;
    packages are checked in a fresh process by the tests of each stage."""
    with (
        home(tmp_path_factory.mktemp("sawyer"), migrated_store) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *_: None)
        register("sawyer_reward", reward_model(tiny_bert), "preference")
        return Swept(folder, tiny_sawyer, run_sawyer(*tiny_sawyer))


@pytest.fixture
def chained(own_home: Path, session_sawyer: Swept, migrated_store: Path) -> Iterator[Swept]:
    assert session_sawyer.answer.code == 0, session_sawyer.answer.err
    with home(session_sawyer.folder, migrated_store):
        yield session_sawyer


def parent() -> str:
    (run,) = [run for run in Store().sweeps() if run.data.tags["thaw.case"] == "sawyer"]
    return str(run.info.run_id)


def test_the_report_shows_the_same_prompts_before_and_after_each_stage(chained: Swept) -> None:
    store = Store()
    table = store.table(parent())
    for moment in ("before SFT", "after SFT", "after RL"):
        assert moment in chained.answer.out
        for metric in ("reward", "tokens", "distinct_2", "repetition_4", "stops"):
            assert f"{moment} {metric}" in table
    assert table["after SFT kl"] == pytest.approx(0, abs=1e-6)
    assert table["after RL reward"] > table["after SFT reward"]
    texts = store.text(parent(), "comparison/answers.md")
    for column in ("asked", "before SFT", "after SFT", "after RL"):
        assert texts.count(f"**{column}**") == 10
    page = store.text(parent(), "comparison/report.html")
    for heading in ("The stages", "Prompt by prompt: before SFT, then after SFT"):
        assert heading in page


def test_the_parent_run_links_the_three_sweeps(chained: Swept) -> None:
    store = Store()
    tags = store.client.get_run(parent()).data.tags
    for stage, case in (("sft", "sft"), ("reward", "sawyer_reward"), ("rl", "sawyer_rl")):
        child = store.client.get_run(tags[f"thaw.stage.{stage}"])
        assert child.data.tags["thaw.case"] == case
        assert child.data.tags["thaw.chain"] == parent()
        assert child.info.status == "FINISHED"
    started = store.client.get_run(tags["thaw.stage.rl"]).data.params
    assert started["start"].startswith("sft@v1 ")
    assert started["reward.preference"].startswith("sawyer_reward@v")


def test_the_policy_speaks_in_the_prompt_that_instruction_tuning_taught(chained: Swept) -> None:
    from tasks.registry.prediction import load_champion

    package = load_champion("sawyer_rl").unwrap_python_model().package
    assert package.info.language.prompt == ("", "Question", "Response")
    answer = thaw("predict", "sawyer", QUESTION)
    assert answer.code == 0, answer.err
    assert answer.out == thaw("predict", "sawyer_rl", QUESTION).out
    assert answer.out == package.predict([QUESTION])[0]["answer"] + "\n"


def test_the_same_command_again_trains_nothing(chained: Swept) -> None:
    before = len(Store().runs())
    again = run_sawyer(*chained.overrides)
    assert again.code == 0, again.err
    assert "nothing was trained" in again.out
    assert len(Store().runs()) == before
    assert thaw("compare", "sawyer").out.strip() in chained.answer.out


def test_the_first_stage_has_two_names(chained: Swept) -> None:
    shown = thaw("show", "sawyer_sft").out
    assert shown == thaw("show", "sft").out
    answer = thaw("predict", "sawyer_sft", QUESTION)
    assert answer.code == 0, answer.err
    assert answer.out == thaw("predict", "sft", QUESTION).out
    assert thaw("compare", "sawyer_sft").out == thaw("compare", "sft").out


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("tune.training.epochs=1", "begin with one of its stages, sft, reward, rl"),
        ("rl.rl.step=3", "sawyer, stage rl: Unknown field rl.step (did you mean rl.steps?)"),
        ("sft.title=Mine", "No override changes title"),
    ],
)
def test_a_wrong_stage_or_field_is_refused_before_the_first_stage(
    override: str, says: str, own_home: Path
) -> None:
    answer = run_sawyer(override)
    assert answer.code == 2
    assert says in answer.sentence
    assert Store().runs() == []


def test_a_stage_alone_says_which_flow_makes_what_it_starts_from(own_home: Path) -> None:
    answer = thaw("run", "sawyer_rl")
    assert answer.code == 2
    assert "There is no champion of sft yet: `thaw run sft` trains and registers one." in (
        answer.sentence
    )
    (failed,) = Store().sweeps()
    assert failed.info.status == "FAILED"
    assert "thaw run sft" in failed.data.tags["thaw.error"]
