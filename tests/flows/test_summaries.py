"""Learning from two classifiers through the command line: report, champion, refusals."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from genre_runs import Answer, Store, Swept, home, options, thaw
from policy_runs import learning
from registry.registered import classifier, register

SUBJECTS = ("cat", "dog", "cow", "hen")


def run_summaries(*overrides: str) -> Answer:
    return thaw("run", "summaries", *options(*overrides))


def write_articles(path: Path, rows: int = 40, longest: str = "") -> Path:
    texts = [f"The {SUBJECTS[n % 4]} of house {n} sleeps." for n in range(rows)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["body"])
        writer.writerows([text] for text in [*texts, *([longest] if longest else [])])
    return path


@pytest.fixture(scope="session")
def classifiers(
    tiny_bert: Path, migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home where the two reward models are registered."""
    with home(tmp_path_factory.mktemp("summaries"), migrated_store) as folder:
        register("acceptability", classifier(tiny_bert, ("acceptable", "no")), "single_label")
        register("reviews", classifier(tiny_bert, tuple("12345"), seed=1), "single_label")
    return folder


@pytest.fixture
def in_classifiers(own_home: Path, classifiers: Path, migrated_store: Path) -> Iterator[Path]:
    with home(classifiers, migrated_store) as folder:
        yield folder


@pytest.fixture(scope="session")
def quick_summaries(tiny_t5: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """40 articles and an encoder-decoder that learns in seconds."""
    articles = write_articles(tmp_path_factory.mktemp("articles") / "articles.csv")
    return (
        f"data.path={articles}",
        "data.columns.text=body",
        "split.near_duplicates=null",
        f"model.base={tiny_t5}",
        "language.template=bare",
        "strategies=[last_2]",
        "evaluation.bootstrap=100",
        "registry.enabled=false",
        "rewards=[{name: grammar, model: acceptability@champion, label: acceptable}, "
        '{name: neutral, model: reviews@champion, label: "3", weight: 0.5}]',
        *learning(),
    )


@pytest.fixture(scope="session")
def session_summaries(
    classifiers: Path, quick_summaries: tuple[str, ...], migrated_store: Path
) -> Swept:
    """One run that registers, for all tests that only look at it."""
    more = (
        "registry.enabled=true",
        "registry.beats=floor",
        "evaluation.primary=test/reward",
        "rewards=[{name: grammar, model: acceptability@champion, label: acceptable, weight: 0.1}, "
        "{name: neutral, model: reviews@champion, label: '3', weight: 0.05}, "
        "{name: words, function: length}]",
    )
    with home(classifiers, migrated_store) as folder:
        return Swept(folder, (*quick_summaries, *more), run_summaries(*quick_summaries, *more))


@pytest.fixture
def swept_summaries(in_classifiers: Path, session_summaries: Swept) -> Swept:
    assert session_summaries.answer.code == 0, session_summaries.answer.err
    return session_summaries


def test_the_report_has_each_reward_before_and_after_with_a_paired_test(
    swept_summaries: Swept, tiny_t5: Path
) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    table = store.table(sweep.info.run_id)
    for metric in ("reward", "reward_grammar", "reward_neutral", "overlap", "tokens"):
        assert f"last_2 {metric}" in table
        assert f"start: {tiny_t5} {metric}" in table
    page = store.text(sweep.info.run_id, "comparison/report.html")
    assert f"Prompt by prompt: start: {tiny_t5}, then last_2" in page
    assert "Wilcoxon" in page
    assert "Reward neutral" in page
    texts = store.text(sweep.info.run_id, "comparison/answers.md")
    assert texts.count("**asked**") == 10
    assert texts.count("**last_2** (earns ") == 10
    told = " ".join(swept_summaries.answer.out.split())
    assert "standard deviations of the start's own rewards" in told


def test_every_part_of_the_reward_is_logged_step_by_step(swept_summaries: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    (arm,) = store.children(sweep.info.run_id).values()
    for metric, steps in {
        "train/reward_neutral": [1, 2, 3, 4, 5, 6],
        "val/reward_grammar": [0, 2, 4, 6, 6],  # the last is the chosen checkpoint's
        "val/kl": [0, 2, 4, 6, 6],
    }.items():
        seen = store.client.get_metric_history(arm.info.run_id, metric)
        assert sorted(point.step for point in seen) == steps, metric
    params = store.client.get_run(sweep.info.run_id).data.params
    assert params["reward.neutral"].startswith("reviews@v1 ")
    assert {"start", "reward.grammar", "reward.words"} <= set(params)


def test_the_champion_writes_summaries(swept_summaries: Swept) -> None:
    assert "summaries version 1: champion" in swept_summaries.answer.out.replace("\n", " ")
    answer = thaw("predict", "summaries", "The cat of house 3 sleeps.", "--json")
    assert answer.code == 0, answer.err
    assert '"stopped"' in answer.out
    assert thaw("predict", "summaries", "The cat of house 3 sleeps.", "--json").out == answer.out
    card = Store().client.get_model_version("summaries", "1").description
    for part in ("**Learned from.** 0.1 x grammar (acceptability@v1, label acceptable)", "PPO"):
        assert part in card


@pytest.mark.slow
def test_a_second_run_is_judged_against_the_champion_on_the_same_prompts(
    swept_summaries: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *_: None)
    other = run_summaries(*swept_summaries.overrides, "rl.clip=0.1")
    assert other.code == 0, other.err
    verdict = re.search(r"beats? champion 1's (\d\.\d+)", " ".join(other.out.split()))
    assert verdict, other.out
    # Asked again with the same draws, the champion earns what it earned when it was registered.
    earned = Store().client.get_model_version("summaries", "1").tags["test/reward"]
    assert float(verdict[1]) == pytest.approx(float(earned), abs=2e-4)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "rewards=[{model: reviews@champion, label: '9'}]",
            "no label '9': its labels are 1, 2, 3, 4, 5",
        ),
        ("rewards=[{model: reviews@champion}]", "say which one's logit counts"),
        (
            "rewards=[{model: sawyer_reward@champion}]",
            "There is no champion of sawyer_reward yet: `thaw run sawyer_reward` trains and",
        ),
        ("rewards=[]", "has no rewards to learn from"),
        ("rewards=[{function: rhyme}]", "no reward function 'rhyme'"),
        ("strategies=[head]", "strategy head does not go with task policy, since what"),
        ("strategies=[prompt_4]", "strategy prompt_4 does not go with task policy, since what"),
        ("training.learning_rate=1e-5", "use rl.learning_rate"),
        ("rl.algorithm=rloo", "encoder-decoder"),
        ("language.template=chat", "language.template=plain"),
        ("evaluation.primary=test/kl", "cannot decide which model stands"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    override: str, says: str, in_classifiers: Path, quick_summaries: tuple[str, ...]
) -> None:
    before = Store().sweeps()
    more = (
        (
            "registry.enabled=true",
            "registry.beats=floor",
        )
        if "primary" in override
        else ()
    )
    answer = run_summaries(*quick_summaries, *more, override)
    assert answer.code == 2, answer.err
    assert says in answer.sentence
    new = Store().sweeps()[len(before) :]
    assert all(run.info.status == "FAILED" for run in new)
    assert all(says in run.data.tags["thaw.error"] for run in new)


def test_an_article_that_does_not_fit_is_named_or_left_out(
    in_classifiers: Path, quick_summaries: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    articles = write_articles(tmp_path / "articles.csv", longest="far too long " * 20)
    long = (*quick_summaries, f"data.path={articles}", "model.max_length=100")
    answer = run_summaries(*long)
    assert answer.code == 2
    assert "The prompt of row row-41 has 259 tokens, and there is room for 100" in answer.sentence
    assert "data.on_bad_line=skip" in answer.sentence
    assert Store().sweeps()[-1].info.status == "FAILED"
    assert run_summaries(*long, "data.on_bad_line=skip").sentence == to_training
