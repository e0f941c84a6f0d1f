import io
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import escape
from rich.console import Console
from sklearn.metrics import average_precision_score, precision_recall_fscore_support
from tiny import draw_all

from tasks.config import CaseConfig
from tasks.evaluation.comparison import compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.report import html, markdown, per_label, terminal
from tasks.evaluation.wording import amount, figure, limits, metric_title, ratio, signed

MakeOutcome = Callable[..., Outcome]
LABELS = ["Action", "Comedy", "Drama", "Fantasy", "Horror", "Mecha", "Music", "School"]


@pytest.fixture
def comparison(sweep: Sequence[Outcome], config: CaseConfig) -> Comparison:
    return compare(sweep, config, LABELS)


def shown(comparison: Comparison, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(terminal(comparison, width))
    return console.export_text()


@pytest.mark.parametrize("width", [80, 100, 180])
def test_the_terminal_shows_every_figure_whole(comparison: Comparison, width: int) -> None:
    text = shown(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for entry in comparison.entries:
        for interval in entry.metrics.values():
            assert figure(interval.mean) in text
            assert limits(interval.mean, interval.low, interval.high) in text
    assert "0.41x" in text
    assert "unfrozen" in text
    assert "0.553" in text  # the chapter's


def test_more_metrics_than_fit_go_into_another_table(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    table = tuple(f"{m}{s}" for m in ("f1_micro", "f1_macro", "f1_samples") for s in ("", "_tuned"))
    many = (*table, "roc_auc_macro", "roc_auc_micro", "loss", "hamming_loss")
    wide = config.model_copy(
        update={"evaluation": config.evaluation.model_copy(update={"table": many})}
    )
    arms = [make_outcome("full", rows=60), make_outcome("head learning_rate=1e-05", rows=60)]
    text = shown(compare(arms, wide, LABELS))
    assert max(map(len, text.splitlines())) <= 100
    assert "Hamming" in text
    assert re.search(r"\d\.\d{3}–\d\.\d{3}", text)


def test_names_that_look_like_markup_are_shown_as_they_are(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arms = [
        make_outcome("full", rows=60),
        make_outcome("head [red]<b>|x_1", rows=60),
    ]
    comparison = compare(arms, config, LABELS)
    assert "[red]<b>|x_1" in shown(comparison)
    assert r"head \[red\]\<b>\|x\_1" in markdown(comparison)
    page = html(
        comparison, {}, per_label(arms[0], ["<i>", *LABELS[1:]]), "a < b", {"k": "<script>"}
    )
    assert "<b>|x_1" not in page
    assert "<i>" not in page
    assert "<script>" not in page
    assert "a &lt; b" in page


def test_markdown_rows_have_as_many_cells_as_their_heading(comparison: Comparison) -> None:
    text = markdown(comparison)
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 6
    assert "## Beside the chapter's notebook" in text
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert re.search(r"\| freeze\\_4 \([^)]*\) \| 0\.\d{3} \(0\.\d{3}–0\.\d{3}\)", text)


class _Page(HTMLParser):
    """Collects what a page would load, and checks that its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_and_loads_nothing(
    comparison: Comparison, sweep: Sequence[Outcome]
) -> None:
    plots = draw_all(comparison, sweep, sweep[0], LABELS)
    configuration = "case: genre\nseeds: [42]"
    page = html(
        comparison,
        plots,
        per_label(sweep[0], LABELS),
        "Genres",
        {"Data digest": "9a9a", "Configuration": configuration},
    )
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    places = [load for load in parser.loads if load.startswith("#")]
    loads = [load for load in parser.loads if load not in places]
    assert loads == []
    assert parser.tags.count("svg") == len(plots) == page.count('role="img" aria-label="')
    # Read in a minute: what to do, the picture, the table; then where the evidence stands.
    first = [page.index(mark) for mark in (escape(comparison.headline), "<svg", "<table", "<nav")]
    assert first == sorted(first)
    assert len(places) == len(set(places)) >= 6
    assert [page.count(f'id="{place[1:]}"') for place in places] == [1] * len(places)
    assert page.index("<nav") < page.index(escape(comparison.evidence[0]))
    assert not {"script", "link", "iframe"} & set(parser.tags)
    assert "http://" not in page
    assert "https://" not in page
    for text in ("9a9a", configuration, *LABELS, "unfrozen", "+0.", "prefers-color-scheme"):
        assert text in page


def test_a_missing_figure_is_a_dash_everywhere(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arm = make_outcome("full", rows=60)
    bare = make_outcome("untrained", 3, kind="baseline", seed=None, seconds=None, rows=60)
    bare = bare.model_copy(update={"thresholds": ()})
    comparison = compare([arm, bare], config, LABELS)
    page = html(comparison, {}, per_label(arm, LABELS), "Genres", {})
    for text in (shown(comparison), markdown(comparison), page):
        assert "–" in text
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    row = next(line for line in markdown(comparison).splitlines() if line.startswith("| untrained"))
    assert row.startswith("| untrained (baseline) | – (–) |")
    assert "baseline" not in comparison.conclusion


def test_a_single_arm_has_nothing_to_be_compared_with(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arm = make_outcome("full", rows=60)
    text = shown(compare([arm], config, LABELS))
    assert "Against" not in text
    assert "full is the only arm" in text


def test_the_label_table_is_what_scikit_learn_says(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", 0.8)
    table = per_label(arm, LABELS)
    data = read_predictions(arm.test)
    precision, recall, f1, support = precision_recall_fscore_support(
        data.truth, data.probabilities >= np.array(arm.thresholds), zero_division=np.nan
    )
    assert list(table["support"]) == sorted(support, reverse=True)
    for row in table.to_dict("records"):
        column = LABELS.index(row["label"])
        assert row["precision"] == pytest.approx(precision[column])
        assert row["recall"] == pytest.approx(recall[column])
        assert row["f1"] == pytest.approx(f1[column])
        assert row["threshold"] == arm.thresholds[column]
        assert row["average_precision"] == pytest.approx(
            average_precision_score(data.truth[:, column], data.probabilities[:, column])
        )


def test_a_label_that_is_never_predicted_or_never_true_has_gaps(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", rows=15, labels=20)
    high = arm.model_copy(update={"thresholds": (0.99999,) * 20})
    table = per_label(high, [f"l{i:02}" for i in range(20)])
    assert table["precision"].isna().all()
    absent = table[table["support"] == 0]
    assert len(absent) > 0
    assert absent[["recall", "f1", "average_precision"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("test/f1_micro_tuned", "F1 micro (tuned)"),
        ("average_precision_macro", "average precision macro"),
        ("roc_auc_hard_labels", "ROC-AUC on hard labels"),
        ("val/loss", "loss"),
        ("hamming_loss_tuned", "Hamming loss (tuned)"),
        ("subset_accuracy", "subset accuracy"),
    ],
)
def test_metrics_have_readable_names(metric: str, words: str) -> None:
    assert metric_title(metric) == words


def test_figures_read_as_a_person_would_write_them() -> None:
    assert (figure(0.12345), figure(float("nan")), figure(-0.0001)) == ("0.123", "–", "0.000")
    assert (signed(0.0104), signed(-0.02), signed(-0.0001)) == ("+0.010", "-0.020", "+0.000")
    assert [amount(n) for n in (22_713_216, 1850.85, 41, 0.831, None)] == [
        "22.7 M",
        "1,851",
        "41",
        "0.831",
        "–",
    ]
    assert [ratio(n) for n in (0.412, 0.0031, 24.96, 2.441)] == ["0.41x", "0.0031x", "25x", "2.44x"]
