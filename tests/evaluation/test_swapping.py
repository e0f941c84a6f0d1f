"""Verdicts: the swap test against independent implementations, and against worlds of equal arms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, permutation_test, rankdata
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from tasks.config import EvaluationConfig
from tasks.evaluation.aligned import Aligned, Measures, Tested, partners
from tasks.evaluation.bootstrap import differences, resample
from tasks.evaluation.outcomes import Outcome, Predictions, put_predictions
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.swapping import holm, swap_tests
from tasks.evaluation.weighted_rankings import Curve

TWO = Measures(("accuracy", "f1", "roc_auc", "average_precision"), Scoring("single_label", 1))


def table_of(truth: np.ndarray, chances: np.ndarray, seed: int | None) -> Tested:
    """A two-class table: `truth` and the probability of the positive class, (n,) each."""
    table = Predictions(
        ids=[str(row) for row in range(len(truth))],
        truth=np.stack([1 - truth, truth], 1),
        probabilities=np.stack([1 - chances, chances], 1),
    )
    return Tested(seed, table, np.arange(len(truth)), ())


def aligned(
    truth: np.ndarray,
    chances: dict[str, list[np.ndarray]],
    groups: np.ndarray | None = None,
    measures: Measures = TWO,
) -> Aligned:
    entries = {
        name: tuple(table_of(truth, each, seed) for seed, each in enumerate(tables))
        for name, tables in chances.items()
    }
    return Aligned(entries, measures, len(truth), groups)


def world(seed: int, rows: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = (generator.random(rows) < 0.4).astype(np.int8)
    return truth, *(np.clip(0.3 * truth + 0.7 * generator.random((2, rows)), 0, 1))


def mcnemar(truth: np.ndarray, one: np.ndarray, two: np.ndarray) -> float:
    """By hand: twice the smaller tail of the rows that only one of the two gets right."""
    right = [(chances > 0.5) == (truth == 1) for chances in (one, two)]
    only_one, only_two = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    tail = binom.cdf(min(only_one, only_two), only_one + only_two, 0.5)
    return float(min(1.0, 2 * tail))


@pytest.mark.parametrize("seed", range(5))
def test_for_right_and_wrong_answers_it_is_mcnemars_exact_test(seed: int) -> None:
    truth, one, two = world(seed)
    p = swap_tests(aligned(truth, {"a": [one], "b": [two]}), [("a", "b")], 100, 0.05, 0)
    assert p[0, 0] == pytest.approx(mcnemar(truth, one, two))


def test_other_metrics_agree_with_scipys_permutation_test() -> None:
    truth, one, two = world(3, 120)
    two = np.where(np.random.default_rng(0).random(120) < 0.15, 1 - two, two)
    p = swap_tests(aligned(truth, {"a": [one], "b": [two]}), [("a", "b")], 2000, 0.05, 0)[0]
    for place, score in ((1, lambda own: f1_score(truth, own > 0.5)),
                         (2, lambda own: roc_auc_score(truth, own)),
                         (3, lambda own: average_precision_score(truth, own))):  # fmt: skip
        expected = permutation_test(
            (one, two) if place == 1 else (rankdata(one), rankdata(two)),
            lambda a, b, score=score: score(a) - score(b),
            permutation_type="samples",
            n_resamples=200,
            vectorized=False,
            rng=np.random.default_rng(1),
        ).pvalue
        assert p[place] == pytest.approx(expected, abs=0.06)


def test_ranks_are_swapped_so_that_the_scale_of_scores_says_nothing() -> None:
    truth, one, two = world(3, 120)
    p = [
        swap_tests(aligned(truth, {"a": [one], "b": [other]}), [("a", "b")], 500, 0.05, 0)[0, 2:]
        for other in (two, two**9 / 1000)
    ]
    assert p[0].tolist() == p[1].tolist()


def test_rankings_of_few_positives_are_swapped_rank_by_rank() -> None:
    """15 of 300: what each row bears of the area was called real in one of ten equal worlds."""
    generator, found, expected = np.random.default_rng(5), [], []
    truth = (np.arange(300) < 15).astype(np.int8)

    def apart(one: np.ndarray, two: np.ndarray, axis: int) -> np.ndarray:
        ranks = [rankdata(each, axis=axis)[..., :15].sum(axis) for each in (one, two)]
        return np.asarray(ranks[0] - ranks[1]) / (15 * 285)

    for seed in range(12):
        one, two = 1 / (1 + np.exp(-(truth + generator.normal(size=(2, 300)))))
        both = aligned(truth, {"a": [one], "b": [two]}, measures=TWO)
        found.append(swap_tests(both, [("a", "b")], 1000, 0.05, seed)[0, 2])
        ranks = (rankdata(one), rankdata(two))
        kept = {"permutation_type": "samples", "n_resamples": 2000, "rng": seed}
        expected.append(permutation_test(ranks, apart, vectorized=True, **kept).pvalue)
    assert np.abs(np.subtract(found, expected)).max() < 0.1
    near = np.array(expected) < 0.3  # where a verdict is near: by what rows bear, a fifth too small
    assert abs(np.log(np.array(found)[near] / np.array(expected)[near]).mean()) < 0.12


def test_what_rows_bear_of_a_ranking_is_its_derivative() -> None:
    generator = np.random.default_rng(0)
    positive, scores = generator.random(40) < 0.4, generator.random(40).round(1)
    curve = Curve(np.arange(40), positive, scores, 40)
    areas, step = np.array(curve.at(np.ones((40, 1))))[:, 0], 1e-6
    weights = np.ones((40, 40)) + step * np.eye(40)
    slopes = (np.array(curve.at(weights)) - areas[:, None]) / step
    # precision counts whole rows at least: its slope is taken where more than one lies above
    assert curve.contributions() == pytest.approx(areas[:, None] + 40 * slopes, abs=1e-3)
    assert curve.contributions().mean(1) == pytest.approx(areas)


def test_rows_of_one_group_are_one_toss() -> None:
    """Six copies of each row are no more evidence than the row."""
    truth, one, two = world(4)
    copies = [np.repeat(each, 6) for each in (truth, one, two)]
    grouped = aligned(copies[0], {"a": [copies[1]], "b": [copies[2]]}, np.arange(360) // 6)
    pretended = aligned(copies[0], {"a": [copies[1]], "b": [copies[2]]})
    p = [swap_tests(each, [("a", "b")], 100, 0.05, 0)[0, 0] for each in (grouped, pretended)]
    assert p[0] == pytest.approx(mcnemar(truth, one, two))
    assert p[1] < p[0]


def test_entries_are_compared_on_the_seeds_that_both_have() -> None:
    truth = np.array([0, 1], dtype=np.int8)
    arms = {seed: table_of(truth, truth.astype(float), seed) for seed in (1, 2, 3, None)}
    some, more, bare = (arms[2], arms[3]), (arms[1], arms[2], arms[3]), (arms[None],)
    assert [(a.seed, b.seed) for a, b in partners(some, more)] == [(2, 2), (3, 3)]
    assert [(a.seed, b.seed) for a, b in partners(more, bare)] == [(1, None), (2, None), (3, None)]
    assert [(a.seed, b.seed) for a, b in partners((arms[1], arms[2]), (arms[3],))] == [
        (1, 3),
        (2, 3),
    ]


def test_holm_is_what_it_is_in_the_books() -> None:
    # sorted .01 .02 .03 .04, times 4 3 2 1, never falling
    assert holm(np.array([0.03, np.nan, 0.01, 0.04, 0.02])) == pytest.approx(
        [0.06, np.nan, 0.04, 0.06, 0.06], nan_ok=True
    )
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]


def test_noise_is_rarely_called_real() -> None:
    """Equal arms at several error rates; the whole grid: benchmarks/evidence.py."""
    generator, called = np.random.default_rng(0), []
    two = Measures(("accuracy", "f1"), Scoring("single_label", 1))
    for rows, rate, runs in ((22, 0.1, 150), (80, 0.03, 150), (300, 0.1, 100)):
        for _ in range(runs):
            truth = (generator.random(rows) < 0.5).astype(np.int8)
            chances = [
                np.where(generator.random(rows) < rate, 1 - truth, truth).astype(float)
                for _ in range(2)
            ]
            both = aligned(truth, {"a": [chances[0]], "b": [chances[1]]},
                           measures=two)  # fmt: skip
            called.append(swap_tests(both, [("a", "b")], 200, 0.05, len(called))[0] <= 0.05)
    share = np.mean(called, axis=0)
    assert (share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(called))).all()


def test_one_row_is_no_difference_whatever_the_seed(isolated_store: Path) -> None:
    truth = np.eye(2, dtype=np.int8)[np.arange(80) % 2]
    chances = np.where(truth == 1, 0.9, 0.1)
    wrong = chances.copy()
    wrong[0] = 1 - wrong[0]
    ids = [str(row) for row in range(80)]
    entries = {}
    for name, table in (("one", chances), ("two", wrong)):
        stored = put_predictions(ids, truth, table, name)
        entries[name] = [Outcome(name=name, kind="arm", metrics={}, validation=stored, test=stored)]
    for seed in range(5):
        drawn = resample(
            entries, ["accuracy"], EvaluationConfig(bootstrap=100), seed, Scoring("single_label")
        )
        (gap,) = differences(drawn)
        assert (gap.p, gap.real, gap.verdict) == (1.0, False, "even")


def test_franchises_are_drawn_and_swapped_whole(isolated_store: Path) -> None:
    """The groups that predictions name: copies of a row make no interval narrower."""
    generator = np.random.default_rng(2)
    truth = np.eye(2, dtype=np.int8)[generator.integers(0, 2, 40)]
    chances = np.where(generator.random((40, 1)) < 0.8, truth, 1 - truth) * 0.8 + 0.1
    widths = []
    for copies, groups in ((1, None), (5, np.repeat(np.arange(40), 5)), (5, None)):
        rows = np.repeat(np.arange(40), copies)
        ids = [str(row) for row in range(len(rows))]
        named = None if groups is None else [f"g{group}" for group in groups]
        stored = put_predictions(ids, truth[rows], chances[rows], "x", named)
        arm = Outcome(name="a", kind="arm", metrics={}, validation=stored, test=stored)
        drawn = resample(
            {"a": [arm]}, ["accuracy"], EvaluationConfig(bootstrap=400), 0, Scoring("single_label")
        )
        from tasks.evaluation.bootstrap import intervals

        found = intervals(drawn)["a"]["accuracy"]
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] < widths[1] / 1.8
