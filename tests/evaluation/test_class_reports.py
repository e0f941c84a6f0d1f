"""The comparison, its tables, pictures and reports where each text has exactly one label."""

import io
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from tiny import check_case, draw_all

from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.evaluation.bootstrap import intervals, resample
from tasks.evaluation.comparison import compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.label_table import per_label
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.report import html, markdown, terminal
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.weighted import metric_names
from tasks.evaluation.wording import lower_is_better, metric_title
from tasks.kinds.labels.confusion import confusion, reliability_bins

MakeOutcome = Callable[..., Outcome]
SPAM = ["ham", "spam"]
STARS = ["1", "2", "3", "4", "5"]


@pytest.fixture
def spam_sweep(make_classified: MakeOutcome) -> list[Outcome]:
    return [
        make_classified("full", 0.6),
        make_classified("head", 1.2),
        make_classified("majority", 30, kind="baseline", seed=None),
    ]


def test_the_means_of_classes_are_the_logged_metrics(
    spam_sweep: Sequence[Outcome], spam_config: CaseConfig
) -> None:
    names = metric_names("single_label", has_positive=True)
    groups = {outcome.name: [outcome] for outcome in spam_sweep}
    config = spam_config.evaluation
    measured = intervals(
        resample(groups, names, config, scoring=Scoring("single_label", positive=1))
    )
    for outcome in spam_sweep:
        for metric, interval in measured[outcome.name].items():
            assert interval.mean == pytest.approx(outcome.metrics[f"test/{metric}"], abs=1e-6)
            assert interval.low <= interval.mean <= interval.high


def test_reports_name_the_class_and_nothing_of_thresholds(
    spam_sweep: Sequence[Outcome], spam_config: CaseConfig
) -> None:
    comparison = compare(spam_sweep, spam_config, SPAM)
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
    assert "best on validation (F1 of spam 0." in comparison.conclusion
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(terminal(comparison))
    table = per_label(spam_sweep[0], SPAM, "single_label")
    pages = (
        console.export_text(),
        markdown(comparison),
        html(comparison, {}, table, "Spam", {}),
    )
    for page in pages:
        assert "F1 of spam" in page
        assert "alanced" in page
        for word in ("tuned", "threshold", "Threshold", "micro", " labels"):
            assert word not in page
    assert "2 classes" in pages[2]
    assert "Classes of full" in pages[2]


def test_five_classes_need_no_positive_one(
    make_classified: MakeOutcome, stars_config: CaseConfig
) -> None:
    arms = [make_classified(name, noise, classes=5) for name, noise in (("full", 1), ("head", 3))]
    comparison = compare(arms, stars_config, STARS)
    assert comparison.best == "full"
    assert " of None" not in markdown(comparison)
    assert "F1 weighted" in markdown(comparison)
    assert list(draw_all(comparison, arms, arms[0], STARS))[-2:] == [
        "confusion_matrix.svg",
        "reliability.svg",
    ]


def test_metrics_of_the_other_task_are_refused(
    config: CaseConfig, spam_config: CaseConfig, stars_config: CaseConfig
) -> None:
    check_case(spam_config)
    check_case(stars_config)
    for other, metric, message in (
        (config, "val/accuracy", "names val/accuracy, which is not measured"),
        (spam_config, "val/f1_micro", r"did you mean val/f1_macro\?"),
        (spam_config, "val/f1_macro_tuned", r"did you mean val/f1_macro\?"),
        (stars_config, "val/f1", "val/f1, which needs a positive class: .* data.positive"),
    ):
        training = other.training.model_copy(update={"select_by": metric})
        with pytest.raises(RequestError, match=message):
            check_case(other.model_copy(update={"training": training}))


def test_a_positive_label_that_the_data_lacks_is_refused(
    spam_sweep: Sequence[Outcome], spam_config: CaseConfig
) -> None:
    with pytest.raises(RequestError, match=r"data\.positive is spam.* 0, 1: it has to be one of"):
        compare(spam_sweep, spam_config, ["0", "1"])


def test_the_class_table_is_what_scikit_learn_says(make_classified: MakeOutcome) -> None:
    arm = make_classified("full", 1, classes=5)
    table = per_label(arm, STARS, "single_label").set_index("label")
    assert "threshold" not in table.columns
    data = read_predictions(arm.test)
    expected = precision_recall_fscore_support(data.truth.argmax(1), data.probabilities.argmax(1))
    for position, label in enumerate(STARS):
        row = table.loc[label]
        got = [row["precision"], row["recall"], row["f1"], row["support"]]
        assert got == pytest.approx([column[position] for column in expected])
    assert table["predicted"].sum() == table["support"].sum() == len(data.ids)


def test_the_confusion_matrix_counts_what_scikit_learn_counts(make_classified: MakeOutcome) -> None:
    data = read_predictions(make_classified("full", 1, classes=5).test)
    found = confusion(data.truth, data.probabilities, 0.95)
    expected = confusion_matrix(data.truth.argmax(1), data.probabilities.argmax(1))
    assert np.array_equal(found.counts, expected)
    assert found.shares.sum(1) == pytest.approx(1)
    assert (found.low <= found.shares).all()
    assert (found.shares <= found.high).all()


def test_shares_of_a_class_vary_as_its_rows_would_when_resampled(
    make_classified: MakeOutcome,
) -> None:
    data = read_predictions(make_classified("full", 0.6).test)
    found = confusion(data.truth, data.probabilities, 0.9)
    generator = np.random.default_rng(0)
    recalls = []
    for _ in range(2000):
        rows = generator.integers(0, len(data.ids), len(data.ids))
        spam = data.truth[rows, 1] == 1
        recalls.append((data.probabilities[rows].argmax(1) == 1)[spam].mean())
    low, high = np.quantile(recalls, [0.05, 0.95])
    assert (found.low[1, 1], found.high[1, 1]) == pytest.approx((low, high), abs=0.02)


def test_a_class_without_test_rows_has_no_shares() -> None:
    truth = np.eye(3, dtype=np.int8)[[0, 0, 1]]
    chances = np.array([[0.9, 0.1, 0], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]])
    found = confusion(truth, chances, 0.95)
    assert found.counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert np.isnan([found.shares[2], found.low[2], found.high[2]]).all()
    assert not np.isnan([found.low[:2], found.high[:2]]).any()


def test_reliability_groups_rows_of_like_probability() -> None:
    generator = np.random.default_rng(0)
    chance = generator.random(20_000)
    honest = reliability_bins(chance, generator.random(20_000) < chance, 0.95)
    assert honest["rows"].tolist() == [2000] * 10
    assert honest["share"].to_numpy() == pytest.approx(honest["given"].to_numpy(), abs=0.03)
    assert ((honest["low"] <= honest["share"]) & (honest["share"] <= honest["high"])).all()
    # 8 of 10: Wilson's interval is 0.490 to 0.943 (the method's standard worked example)
    one = reliability_bins(np.full(10, 0.8), np.array([1] * 8 + [0] * 2), 0.95)
    assert one[["rows", "share"]].to_numpy().tolist() == [[10, 0.8]]
    assert (one["low"][0], one["high"][0]) == pytest.approx((0.490, 0.943), abs=5e-4)


def height_of(svg: bytes) -> int:
    found = re.search(rb' height="(\d+)"', svg)
    assert found is not None
    return int(found[1])


def test_a_spam_sweep_gives_its_pictures(
    spam_sweep: Sequence[Outcome], spam_config: CaseConfig
) -> None:
    pictures = draw_all(compare(spam_sweep, spam_config, SPAM), spam_sweep, spam_sweep[0], SPAM)
    assert list(pictures) == [
        "quality_against_cost.svg",
        "learning_curves/loss.svg",
        "precision_recall.svg",
        "confusion_matrix.svg",
        "reliability.svg",
    ]
    for picture in pictures.values():
        assert 250 < height_of(picture) < 1000


def test_many_classes_are_drawn_without_figures_in_the_cells(
    make_classified: MakeOutcome, stars_config: CaseConfig
) -> None:
    names = [f"class {number}" for number in range(30)]
    arm = make_classified("full", 1, classes=30)
    pictures = draw_all(compare([arm], stars_config, names), [arm], arm, names)
    assert height_of(pictures["confusion_matrix.svg"]) < 1200


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("test/f1", "F1 of spam"),
        ("precision", "precision of spam"),
        ("val/average_precision", "average precision of spam"),
        ("roc_auc", "ROC-AUC"),
        ("specificity", "specificity"),
        ("balanced_accuracy", "balanced accuracy"),
        ("f1_weighted", "F1 weighted"),
    ],
)
def test_metrics_of_classes_have_readable_names(metric: str, words: str) -> None:
    assert metric_title(metric, "spam") == words
    assert not lower_is_better(metric)
