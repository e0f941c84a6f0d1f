"""Into the registry and no further: what becomes champion, what does not, what leaves no trace."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from genre_runs import LEARNING, Answer, Store, Swept, home, run_genre, thaw
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tasks.config.loading import load_case

WORSE = ("training.solve_head=false",)  # a step or two instead of the optimum
REGISTER = ("registry.enabled=true", "registry.beats=floor", "strategies=[head]")
BY_ROC = "evaluation.primary=test/roc_auc_macro"


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No check in a fresh process: it costs seconds, and `swept` went through it."""
    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *arguments: None)


def refuse(*_: Any, **__: Any) -> None:
    """What a registry does that is full, or closed."""
    raise MlflowException("quota exceeded")


def failed_sweep(answer: Answer) -> None:
    """The command failed with a sentence, and its parent run says so."""
    assert answer.code == 1, (answer.out, answer.err)
    assert Store().sweeps()[-1].info.status == "FAILED"


def test_the_best_arm_becomes_champion_with_its_evidence(swept: Swept) -> None:
    store = Store()
    (sweep,) = store.sweeps()
    assert store.versions() == [1]
    assert store.aliases() == {"champion": 1}
    version = store.client.get_model_version("genre", "1")
    best = store.children(sweep.info.run_id)[f"{sweep.data.tags['thaw.best']} seed=42"]
    assert version.run_id == best.info.run_id
    assert version.tags["thaw.arm"] == best.data.tags["thaw.arm"]
    assert "beats the base rate" in version.tags["thaw.verdict"]
    speeds = {"latency/p50_ms", "latency/p95_ms", "latency/rows_per_second"}
    figures = store.client.get_run(sweep.info.run_id).data.metrics
    assert speeds <= set(figures)
    assert figures["bill/answer"] == pytest.approx(figures["latency/p50_ms"] / 3.6e6)
    assert figures["bill/hosted_answer"] == pytest.approx(0.001)
    assert "What answers cost" in store.text(sweep.info.run_id, "comparison/cost_over_answers.svg")
    page = store.text(sweep.info.run_id, "comparison/report.html")
    assert page.count(", packaged: ") == 1
    assert page.count("costs less than hosted model") == 2  # under the picture, and for its readers
    assert "**Speed.** " in str(version.description)
    model = store.client.get_registered_model("genre")
    assert load_case("genre").title in model.description
    assert model.tags == {"thaw.case": "genre", "thaw.task": "multi_label"}
    card = version.description
    assert card.count("# Multi-label genres") == 1
    for part in ("# Multi-label genres", "**Limits.**", sweep.info.run_id, "| full"):
        assert part in card
    assert "genre version 1: champion" in swept.answer.out.replace("\n", " ")
    kept = store.client.get_logged_model(version.source.removeprefix("models:/"))
    assert kept.source_run_id == best.info.run_id
    root = Path(kept.artifact_location.removeprefix("file://"))
    pinned = (root / "requirements.txt").read_text()
    assert re.search(r"^torch==[\d.]+$", pinned, re.MULTILINE)  # of no build: an index has it
    assert "transformers==" in pinned
    assert "MLmodel" in {path.name for path in root.iterdir()}
    assert "signature" in (root / "MLmodel").read_text()


@pytest.mark.usefixtures("trusting")
def test_a_worse_sweep_leaves_the_champion_standing(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[dict[str, str]] = []
    monkeypatch.setattr("flows.pages.emit_event", lambda *_, payload, **__: news.append(payload))
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    watched = "tracking.system_metrics=true"
    good = run_genre(*small, *LEARNING, *REGISTER, "strategies=[full]", watched)
    assert good.code == 0, good.err
    store = Store()
    assert store.aliases() == {"champion": 1}
    (arm,) = store.children(store.sweeps()[0].info.run_id).values()
    assert "system/cpu_utilization_percentage" in arm.data.metrics
    worse = run_genre(*small, *REGISTER, *WORSE)
    assert worse.code == 0, worse.err
    assert "challenger" in worse.out
    assert store.aliases() == {"champion": 1, "challenger": 2}
    verdict = store.client.get_model_version("genre", "2").tags["thaw.verdict"]
    assert "does not beat" in verdict

    again = run_genre(*small, *REGISTER, *WORSE)  # judged again, but no version after version
    assert again.code == 0
    assert store.versions() == [1, 2]
    assert store.aliases() == {"champion": 1, "challenger": 2}
    same = run_genre(*small, *LEARNING, *REGISTER, "strategies=[full]")
    assert "this arm is the champion already (version 1)" in same.out.replace("\n", " ")
    assert store.versions() == [1, 2]
    assert [(told["case"], told["version"]) for told in news] == [("genre", "1")]


def test_a_package_that_fails_its_check_is_not_registered(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tasks.registry.fresh_process.sys.executable", "/bin/false")
        answer = run_genre(*small, *REGISTER)
    failed_sweep(answer)
    assert "failed its check in a fresh process, so it is not registered" in answer.sentence
    store = Store()
    assert store.client.search_registered_models() == []
    (arm,) = store.children(store.sweeps()[0].info.run_id).values()
    assert arm.info.status == "FINISHED"  # what was trained is not lost

    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *arguments: None)
    assert run_genre(*small, *REGISTER).code == 0  # resumes under the same parent
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FINISHED"
    assert store.versions() == [1]


REFUSALS = ("create_registered_model", "create_model_version", "set_registered_model_alias")


@pytest.fixture(scope="module")
def trained(
    small: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home with a trained sweep, and nothing registered."""
    with home(tmp_path_factory.mktemp("trained"), migrated_store) as folder:
        assert run_genre(*small, "strategies=[head]").code == 0
    return folder


@pytest.fixture
def in_trained(own_home: Path, trained: Path, migrated_store: Path) -> Iterator[None]:
    with home(trained, migrated_store):
        yield


@pytest.mark.parametrize("method", REFUSALS)
@pytest.mark.usefixtures("trusting", "in_trained")
def test_a_registry_that_refuses_keeps_nothing(
    method: str, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MlflowClient, method, refuse)
    answer = run_genre(*small, *REGISTER)
    assert answer.code == 1
    assert "The registry refused a change to the model genre (quota exceeded)" in answer.sentence
    assert Store().client.search_registered_models() == []


@pytest.mark.usefixtures("trusting")
def test_a_better_sweep_takes_the_champions_place_or_nothing_changes(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged on the same test rows, by a metric that is taken at no threshold."""
    assert run_genre(*small, *REGISTER, BY_ROC).code == 0
    store = Store()
    standing = store.client.get_model_version("genre", "1")
    store.client.create_model_version("genre", standing.source, standing.run_id)
    store.client.set_registered_model_alias("genre", "challenger", "2")
    before = {"champion": 1, "challenger": 2}
    assert store.aliases() == before
    better = (*small, *LEARNING, *REGISTER, "strategies=[full]", BY_ROC)

    # The new champion is named already when the registry refuses to take `challenger` off it.
    with monkeypatch.context() as refusing:
        refusing.setattr(MlflowClient, "delete_registered_model_alias", refuse)
        answer = run_genre(*better)
    failed_sweep(answer)
    assert "quota exceeded" in answer.sentence
    assert store.aliases() == before
    assert store.versions() == [1, 2]

    assert run_genre(*better).code == 0
    (champion,) = store.aliases().values()
    assert champion == store.versions()[-1] > 2
    verdict = store.client.get_model_version("genre", str(champion)).tags["thaw.verdict"]
    assert "beats champion 1's" in verdict
    assert store.sweeps()[-1].info.status == "FINISHED"


@pytest.mark.usefixtures("trusting")
def test_where_no_arm_beats_tfidf_it_is_the_champion_that_answers(small: tuple[str, ...]) -> None:
    """Words tell the genres here, and the head of a random model has not learned them."""
    answer = run_genre(*small, "registry.enabled=true", "strategies=[head]")
    assert answer.code == 0, answer.err
    store, said = Store(), answer.out.replace("\n", " ")
    assert "genre version 1: challenger" in said
    assert "genre version 2: champion" in said
    assert store.aliases() == {"challenger": 1, "champion": 2}
    version = store.client.get_model_version("genre", "2")
    (sweep,) = store.sweeps()
    baselines = store.children(sweep.info.run_id, "baseline")
    linear = [baselines[f"{name} + logistic regression"] for name in ("TF-IDF", "characters")]
    assert version.run_id in {run.info.run_id for run in linear}
    assert "no transformer" in version.description
    assert "not shown to be better" in version.description

    found = thaw("predict", "genre", "ghost blood grave dead", "--json")
    assert found.code == 0, found.err
    assert "Horror" in json.loads(found.out)["labels"]
