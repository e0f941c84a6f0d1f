"""The urgency case through the command line: a number for a text, in its own unit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from genre_runs import Answer, Store, Swept, home, options, thaw
from kinds.numbers.numbered import texts, write_csv

from tasks.tracking import Tracker


@pytest.fixture(scope="session")
def quick_urgency(tiny_bert: Path) -> tuple[str, ...]:
    """Overrides with which a tiny model learns a few words in seconds."""
    return (
        f"model.base={tiny_bert}",
        "model.pooling=mean",
        "model.max_length=24",
        "model.dropout=0",
        "split.near_duplicates=null",
        "training.epochs=10",
        "top_seeds=1",
        "training.batch_size=8",
        "training.learning_rate=1e-3",
        "training.head_learning_rate=3e-2",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "registry.enabled=false",
    )


def run_urgency(*overrides: str) -> Answer:
    return thaw("run", "urgency", *options(*overrides))


_ONCE: list[Swept] = []


@pytest.fixture
def swept_urgency(
    own_home: Path,
    quick_urgency: tuple[str, ...],
    migrated_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Swept]:
    """One run with a champion for all tests that only look at it.

    Made by the first of them, not by the session, so that its package is asked at once
    (`forked.py`).
    """
    folder = _ONCE[0].folder if _ONCE else tmp_path_factory.mktemp("urgency")
    with home(folder, migrated_store):
        if not _ONCE:
            rows = [*texts(), ("a row without a number", "n/a"), (texts()[5][0], 77.0)]
            overrides = (
                *quick_urgency,
                f"data.path={write_csv(folder / 'messages.csv', rows)}",
                "numbers.unit=points",
                "strategies=[full]",
                "registry.enabled=true",
                "registry.beats=floor",
            )
            _ONCE.append(Swept(folder, overrides, run_urgency(*overrides)))
        assert _ONCE[0].answer.code == 0, _ONCE[0].answer.err
        yield _ONCE[0]


def test_a_run_compares_in_units_and_keeps_its_evidence(swept_urgency: Swept) -> None:
    out = " ".join(swept_urgency.answer.out.split())
    assert "Mean absolute error" in out
    assert "always the mean" in out
    assert "TF-IDF + ridge regression" in out
    store = Store()
    (sweep,) = store.sweeps()
    arms = store.children(sweep.info.run_id)
    references = store.children(sweep.info.run_id, "baseline")
    full = arms["full seed=42"].data
    assert {"test/mae", "test/rmse", "test/r2", "test/spearman", "val/mae"} <= set(full.metrics)
    assert full.metrics["test/mae"] < 0.6 * references["always the mean"].data.metrics["test/mae"]
    assert "test/spearman" not in references["always the mean"].data.metrics
    assert full.params["numbers.unit"] == "points"
    kept = store.artifacts(sweep.info.run_id)
    assert "comparison/truth_against_prediction.svg" in kept
    assert "comparison/largest_errors.csv" in kept
    report = json.loads(store.text(sweep.info.run_id, "split/report.json"))
    assert (report["conflicting"], report["rows"]) == (1, 121)
    assert report["labels"]  # how each part was given its share of the numbers
    validation = json.loads(store.text(sweep.info.run_id, "validation/report.json"))
    assert (validation["rows"], validation["usable_rows"]) == (122, 121)
    assert sum(each["count"] for each in validation["labels"]) == 121  # a histogram of the numbers
    assert "<h2>Numbers</h2>" in store.text(sweep.info.run_id, "validation/report.html")
    assert any("whose rows differ in numbers: 1" in note for note in report["notes"])
    page = store.text(sweep.info.run_id, "comparison/report.html")
    assert "furthest off first, then the 6 closest" in page


def test_the_champion_answers_with_the_number_and_its_unit(swept_urgency: Swept) -> None:
    asked = [text for text, _ in texts(8, seed=11)]
    wanted = [number for _, number in texts(8, seed=11)]
    found = thaw("predict", "urgency", *asked, "--json")
    assert found.code == 0, found.err
    answers = [json.loads(line) for line in found.out.splitlines()]
    assert {each["unit"] for each in answers} == {"points"}
    apart = [abs(each["number"] - number) for each, number in zip(answers, wanted, strict=True)]
    assert sum(apart) / len(apart) < 20  # of numbers from 0 to 90, by a tiny model
    shown = thaw("predict", "urgency", asked[0]).out.strip()
    assert shown == f"{answers[0]['number']:.4g} points"
    refused = thaw("predict", "urgency", asked[0], "--beams", "2")
    assert refused.code == 2
    assert "--beams is for cases that write" in refused.sentence


def test_the_card_says_what_the_number_is_and_which_rows_are_out(swept_urgency: Swept) -> None:
    version = Tracker().alias("urgency", "champion")
    assert version is not None
    assert "One number a text, `urgency`: in the training part from" in version.description
    assert "no number: 1" in version.description
    assert "with a standard deviation of" in version.description


def test_the_same_command_trains_nothing(swept_urgency: Swept) -> None:
    again = run_urgency(*swept_urgency.overrides)
    assert again.code == 0, again.err
    (sweep,) = Store().sweeps()
    assert sweep.data.tags["thaw.registered"] == "urgency version 1"
    assert "overrules" in again.out  # --force trains anew


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("12,5", "has a comma: if it stands before decimals, set numbers.decimal=','"),
        ("inf", "is not finite"),
        ("soon", "is no number"),
    ],
)
def test_a_cell_that_is_no_number_is_refused_with_its_row(
    quick_urgency: tuple[str, ...], tmp_path: Path, cell: str, why: str
) -> None:
    rows: list[tuple[str, object]] = [*texts(40)]
    rows[20] = ("this one is odd", cell)
    file = write_csv(tmp_path / "messages.csv", rows)
    answer = run_urgency(*quick_urgency, f"data.path={file}")
    assert answer.code == 2
    assert "row 21" in answer.sentence
    assert repr(cell) in answer.sentence
    assert all(sweep.info.status == "FAILED" for sweep in Store().sweeps())
    # The log has the reason in full.
    assert why.partition(":")[0] in answer.sentence + answer.err


def test_a_file_as_it_is_written_elsewhere_is_read_where_the_case_says_so(tmp_path: Path) -> None:
    from tasks.config.loading import load_case
    from tasks.kinds.kind import kind_of
    from tasks.kinds.values import Start

    file = tmp_path / "prices.csv"
    rows = [(f"thing number {n}", f"1.{n:03},50 \u20ac") for n in range(30)]
    pd.DataFrame(rows, columns=["what", "price"]).to_csv(file, index=False)
    config = load_case(
        "urgency",
        "sample",
        [
            f"data.path={file}",
            "data.columns={message: what, urgency: price}",
            "numbers={decimal: ',', thousands: '.', unit: \u20ac}",
        ],
    )
    kind = kind_of("regression")
    raw = kind.ingest(Start(config, "none"))
    rows = kind.usable(kind.prepared(raw, config), Start(config, "none"))
    assert [labels[0] for labels in rows.table.read()["labels"]] == [
        repr(1000 + n + 0.5) for n in range(30)
    ]


def test_losses_are_tried_in_a_grid_and_chosen_by_rank(
    quick_urgency: tuple[str, ...], tmp_path: Path
) -> None:
    """A constant answer has no rank correlation: its row of the table has a dash, no figure."""
    answer = run_urgency(
        *quick_urgency,
        f"data.path={write_csv(tmp_path / 'messages.csv', [*texts()])}",
        "strategies=[head]",
        "training.epochs=2",
        "top_seeds=1",
        "training.select_by=val/spearman",
        "evaluation.primary=test/spearman",
        "grid.numbers.loss=[squared,huber]",
    )
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    assert set(Store().children(sweep.info.run_id)) == {
        "head loss=squared seed=42",
        "head loss=huber seed=42",
    }
    found = json.loads(Store().text(sweep.info.run_id, "comparison/comparison.json"))
    mean = next(each for each in found["entries"] if each["name"] == "always the mean")
    assert mean["metrics"]["spearman"]["mean"] is None
    assert "quality_against_cost.svg" in " ".join(Store().artifacts(sweep.info.run_id))
