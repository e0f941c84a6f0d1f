"""Every book profile runs from its first request to its verdict, nothing changed but sizes.

Models of the true architectures lie in a hub cache under their true ids and commits, tiny; data
comes from the true addresses in the true formats (`book_web.py`), invented. A run takes a minute.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from book_models import hub_cache
from book_rows import book_web, checksum_of
from book_web import Web, on_loopback
from genre_runs import Store, home, options, thaw

from tasks.config.loading import load_case

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

QUICK = ("evaluation.bootstrap=100",)
SIZES: dict[str, tuple[str, ...]] = {
    "acceptability": ("training.epochs=1",),
    "genre": ("training.epochs=2", "model.max_length=64", "evaluation.baseline_c=[1.0]"),
    "imdb": ("training.epochs=1", "model.max_length=64", "evaluation.baseline_c=[1.0]"),
    "latex": ("training.epochs=1", "language.max_new_tokens=8"),
    "reviews": ("model.max_length=64", "evaluation.baseline_c=[1.0]"),
    "sawyer_reward": ("training.epochs=1", "model.max_length=128"),
    "sft": ("model.max_length=300", "language.answers=2", "language.max_new_tokens=8"),
    "spam": ("training.epochs=1", "evaluation.baseline_c=[1.0]"),
    "urgency": ("training.epochs=1", "evaluation.baseline_c=[1.0]"),
    "vqa": ("split.validation=0.2",),
}
POLICY = ("rl.steps=2", "rl.max_new_tokens=6", "rl.held_out_every=1", "rl.precision=fp32")
POLICIES: dict[str, tuple[str, ...]] = {
    "sawyer_rl": (*POLICY, "model.max_length=400", "split.test=0.1", "split.validation=0.1"),
    "summaries": (*POLICY, "split.rows.test=8", "split.rows.validation=6"),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("book")
    hub_cache(folder)
    with pytest.MonkeyPatch.context() as patch, on_loopback(book_web(), folder) as found:
        for name in ("THAW_OFFLINE", "HF_HUB_OFFLINE"):
            patch.delenv(name, raising=False)
        yield found


@pytest.fixture
def library(
    tmp_path_factory: pytest.TempPathFactory, own_home: Path, migrated_store: Path
) -> Iterator[Path]:
    """One home for all, since the chain's last stage starts from what the others registered."""
    with home(tmp_path_factory.getbasetemp() / "library", migrated_store) as folder:
        yield folder


def ran(case: str, web: Web, profile: str, *sizes: str) -> tuple[dict[str, Any], str]:
    """The comparison, and what the run printed."""
    chosen = options(*QUICK, *sizes, *checksum_of(web, case))
    answer = thaw("run", case, "--profile", profile, *chosen)
    assert answer.code == 0, answer.err
    sweep = [one for one in Store().sweeps() if one.data.tags["thaw.case"] == case][-1]
    return json.loads(Store().text(sweep.info.run_id, "comparison/comparison.json")), answer.out


def check(case: str, profile: str, comparison: dict[str, Any], printed: str) -> None:
    config = load_case(case, profile)
    assert comparison["conclusion"]
    arms = {entry["strategy"] for entry in comparison["entries"] if entry["kind"] == "arm"}
    assert arms == {each.name for each in config.strategies}
    told = " ".join(printed.split())
    assert ": champion" in told or ": challenger (" in told  # with its reason
    for heading, rows in (
        ("Beside the chapter ", config.reference.rows),
        ("Beside the chapter's notebook", config.reference.notebook.rows),
    ):
        assert (heading in told) == bool(rows), heading
    for rows, shown in (
        (config.reference.rows, comparison["reference"]),
        (config.reference.notebook.rows, comparison["notebook"]),
    ):
        assert [line["chapter"] for line in shown] == [dict(row.metrics) for row in rows]


@pytest.mark.parametrize("case", SIZES)
def test_a_book_profile_runs_end_to_end(case: str, web: Web, library: Path) -> None:
    check(case, "book", *ran(case, web, "book", *SIZES[case]))


def test_the_second_editions_pictures_run(web: Web, library: Path) -> None:
    made = ran("vqa", web, "second_edition", "training.epochs=1", *SIZES["vqa"])
    check("vqa", "second_edition", *made)


def test_summaries_learn_from_the_chapters_two_classifiers(web: Web, library: Path) -> None:
    check("summaries", "book", *ran("summaries", web, "book", *POLICIES["summaries"]))
    report = Store().text(Store().sweeps()[-1].info.run_id, "comparison/report.html")
    assert "This is a bad book" in report
    assert "2.526" in report
    answer = thaw("score", "summaries", "--profile", "book")
    assert answer.code == 0, answer.err
    assert answer.out.count("the chapter prints") == 3


def test_the_policy_starts_from_the_books_own_models(web: Web, library: Path) -> None:
    for case in ("sft", "sawyer_reward"):
        ran(case, web, "book", *SIZES[case], "registry.beats=floor")
    check("sawyer_rl", "book", *ran("sawyer_rl", web, "book", *POLICIES["sawyer_rl"]))
