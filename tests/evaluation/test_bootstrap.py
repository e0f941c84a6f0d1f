import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tasks.config import CaseConfig, EvaluationConfig
from tasks.errors import ThawError
from tasks.evaluation.bootstrap import differences, intervals, resample
from tasks.evaluation.outcomes import Outcome, put_predictions, read_predictions
from tasks.evaluation.weighted import METRICS

MakeOutcome = Callable[..., Outcome]
CONFIG = EvaluationConfig(bootstrap=400)


def groups(*outcomes: Outcome) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.name, []).append(outcome)
    return found


def test_the_means_are_the_logged_metrics(sweep: Sequence[Outcome]) -> None:
    measured = intervals(resample(groups(*sweep), METRICS["multi_label"], CONFIG))
    for outcome in sweep:
        for metric, interval in measured[outcome.name].items():
            assert interval.mean == pytest.approx(outcome.metrics[f"test/{metric}"], abs=1e-6)
            assert interval.low <= interval.mean <= interval.high


def test_the_same_seed_gives_the_same_intervals(sweep: Sequence[Outcome]) -> None:
    first, again, other = (
        intervals(resample(groups(*sweep), ["f1_micro"], CONFIG, seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_predictions_in_another_order_change_nothing(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full")
    table = read_predictions(arm.test)
    back = slice(None, None, -1)
    turned = put_predictions(
        table.ids[back], table.truth[back], table.probabilities[back], "turned"
    )
    other = arm.model_copy(update={"name": "turned", "test": turned})
    (difference,) = differences(resample(groups(arm, other), ["jaccard_samples"], CONFIG))
    assert difference.difference == 0
    assert difference.high == -difference.low < 0.01  # no row of 400 tells the two apart
    assert (difference.p, difference.real) == (1, False)


def test_pairing_makes_a_small_but_steady_difference_visible(make_outcome: MakeOutcome) -> None:
    """Two arms err on the same rows, one a little more: unpaired intervals overlap widely."""
    arm = make_outcome("full", 0.8)
    table = read_predictions(arm.test)
    wrong = table.probabilities.copy()
    hits = np.flatnonzero((table.truth == 1).any(1) & (table.probabilities >= 0.5).any(1))[:12]
    wrong[hits] = 1 - wrong[hits]
    worse = arm.model_copy(
        update={"name": "worse", "test": put_predictions(table.ids, table.truth, wrong, "worse")}
    )
    draws = resample(groups(arm, worse), ["f1_micro"], CONFIG)
    first, second = (entry["f1_micro"] for entry in intervals(draws).values())
    assert second.high > first.low
    (difference,) = differences(draws)
    assert difference.real
    assert difference.low > 0


def test_twelve_equally_good_arms_are_all_called_so(make_outcome: MakeOutcome) -> None:
    arms = [make_outcome(f"arm{i}", 0.7) for i in range(12)]
    pairs = differences(resample(groups(*arms), ["f1_micro"], CONFIG))
    assert not any(pair.real for pair in pairs)


def test_seeds_widen_the_interval_and_enter_with_their_mean(make_outcome: MakeOutcome) -> None:
    seeds = [
        make_outcome("full", noise, seed=seed) for seed, noise in enumerate((0.2, 0.8, 1.6, 0.5))
    ]
    over_seeds = resample(groups(*seeds), ["f1_micro"], CONFIG)
    interval = intervals(over_seeds)["full"]["f1_micro"]
    assert interval.mean == pytest.approx(np.mean([s.metrics["test/f1_micro"] for s in seeds]))
    alone = [
        intervals(resample(groups(seed), ["f1_micro"], CONFIG))["full"]["f1_micro"]
        for seed in seeds
    ]
    assert interval.high - interval.low > 1.5 * max(one.high - one.low for one in alone)


def test_entries_with_the_same_seeds_draw_them_together(make_outcome: MakeOutcome) -> None:
    """A seed that is bad for both strategies cancels in their difference."""
    both = [
        make_outcome("full", noise, seed=seed).model_copy(update={"name": name})
        for name in ("full", "copy")
        for seed, noise in enumerate((0.2, 1.6))
    ]
    (difference,) = differences(resample(groups(*both), ["f1_micro"], CONFIG))
    assert difference.high - difference.low < 0.02  # one seed alone moves the figure by far more
    assert difference.seeds == 2


def test_other_test_rows_are_refused(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", rows=40)
    with pytest.raises(ThawError, match=r"head was tested on other rows than full \(30 and 40"):
        resample(groups(arm, make_outcome("head", rows=30)), ["loss"], CONFIG)
    table = read_predictions(arm.test)
    labels = put_predictions(table.ids, 1 - table.truth, table.probabilities, "other")
    other = arm.model_copy(update={"name": "head", "test": labels})
    with pytest.raises(ThawError, match="test labels of head and full differ"):
        resample(groups(arm, other), ["loss"], CONFIG)


def test_the_table_of_a_real_sweep_takes_seconds(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    outcomes = [make_outcome(f"arm{i}", 0.5, rows=1300, labels=40) for i in range(6)]
    started = time.process_time()
    draws = resample(groups(*outcomes), config.evaluation.table, EvaluationConfig())
    intervals(draws)
    differences(draws)
    assert time.process_time() - started < 20
