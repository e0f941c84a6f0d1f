from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tiny import check_case

from tasks.config import CaseConfig, ReferenceConfig, ReferenceRow
from tasks.config.loading import load_case
from tasks.errors import RequestError, ThawError
from tasks.evaluation.comparison import best_outcome, compare
from tasks.evaluation.conclusion import strongest_reference
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.tables import chapter

MakeOutcome = Callable[..., Outcome]
LABELS = ["Action", "Comedy", "Drama", "Fantasy", "Horror", "Mecha", "Music", "School"]


def with_validation(outcome: Outcome, value: float) -> Outcome:
    """The same outcome with another figure of the metric that selects."""
    metrics = {**outcome.metrics, "val/average_precision_micro": value}
    return outcome.model_copy(update={"metrics": metrics})


def test_a_comparison_survives_json_even_with_missing_figures(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    untuned = [
        outcome.model_copy(update={"thresholds": ()}) if outcome.name == "majority" else outcome
        for outcome in sweep
    ]
    comparison = compare(untuned, config, LABELS)
    assert np.isnan(comparison.entry("majority").metrics["f1_micro_tuned"].mean)
    text = comparison.model_dump_json()
    assert "NaN" not in text
    assert Comparison.model_validate_json(text).model_dump_json() == text


def test_the_best_arm_is_chosen_on_validation_and_not_on_test(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    turned = [
        with_validation(outcome, {"head": 0.9, "full": 0.1}.get(outcome.name, 0.5))
        for outcome in sweep
    ]
    comparison = compare(turned, config, LABELS)
    assert comparison.best == "head"
    assert comparison.entry("head").selection == 0.9
    assert "although validation did not choose so" in comparison.conclusion
    assert "full (difference +" in comparison.conclusion


def test_a_loss_selects_the_smallest(sweep: Sequence[Outcome], config: CaseConfig) -> None:
    training = config.training.model_copy(update={"select_by": "val/loss"})
    by_loss = config.model_copy(update={"training": training})
    losses = {arm.name: arm.metrics["val/loss"] for arm in sweep if arm.kind == "arm"}
    assert best_outcome(sweep, by_loss).name == min(losses, key=losses.__getitem__)


def test_a_baseline_is_never_the_best_arm(sweep: Sequence[Outcome], config: CaseConfig) -> None:
    turned = [
        with_validation(outcome, 1.0) if outcome.kind == "baseline" else outcome
        for outcome in sweep
    ]
    assert best_outcome(turned, config).kind == "arm"


def test_an_entry_counts_with_its_mean_and_gives_its_best_seed(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    scores = {("full", 1): 0.9, ("full", 2): 0.2, ("head", 1): 0.6, ("head", 2): 0.7}
    arms = [
        with_validation(make_outcome(name, seed=seed, rows=60), score)
        for (name, seed), score in scores.items()
    ]
    best = best_outcome(arms, config)
    assert (best.name, best.seed) == ("head", 2)
    comparison = compare(arms, config, LABELS)
    assert (comparison.best, comparison.best_seed) == ("head", 2)
    assert comparison.entry("full").seeds == (1, 2)
    assert comparison.entry("full").selection == pytest.approx(0.55)


def test_of_equal_arms_the_one_that_trains_less_is_chosen(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arms = [
        with_validation(make_outcome(name, rows=40, parameters=parameters), 0.5)
        for name, parameters in (("full", 1e6), ("last_1", 1e5), ("freeze_4", 4e5))
    ]
    assert best_outcome(arms, config).name == "last_1"


def test_costs_are_ratios_to_full_at_the_same_grid_point(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arms = [
        make_outcome(
            f"{strategy} epochs={epochs}",
            rows=60,
            seconds=seconds * epochs,
            point={"training.epochs": epochs},
        )
        for strategy, seconds in (("full", 100), ("head", 10))
        for epochs in (1, 3)
    ]
    baseline = make_outcome("majority", kind="baseline", seed=None, rows=60, seconds=None)
    comparison = compare([*arms, baseline], config, LABELS)
    seconds = comparison.entry("head epochs=3").costs["train_seconds"]
    assert (seconds.value, seconds.ratio) == (30, pytest.approx(0.1))
    assert comparison.entry("head epochs=3").costs["examples_per_second"].ratio == pytest.approx(10)
    assert comparison.entry("majority").costs == {}
    assert "Of 4 settings" in comparison.conclusion


def test_without_full_there_are_costs_and_no_ratios(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    comparison = compare([arm for arm in sweep if arm.name != "full"], config, LABELS)
    cost = comparison.entry("head").costs["train_seconds"]
    assert (cost.value, cost.ratio) == (4, None)


def test_the_indistinguishable_arms_are_those_that_the_table_calls_so(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    comparison = compare(sweep, config, LABELS)
    assert {comparison.best, *comparison.indistinguishable} == {"full", "freeze_4"}
    for arm in comparison.arms:
        if arm.name != comparison.best:
            verdict = comparison.verdict(arm.name, comparison.best)
            assert (arm.name in comparison.indistinguishable) == (verdict == "even")


def test_a_difference_read_backwards_has_its_interval_turned(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    comparison = compare(sweep, config, LABELS)
    there = comparison.difference("full", "head", "f1_macro_tuned")
    back = comparison.difference("head", "full", "f1_macro_tuned")
    assert (back.difference, back.low, back.high) == (-there.difference, -there.high, -there.low)
    with pytest.raises(KeyError, match="full against nobody"):
        comparison.difference("full", "nobody")


def test_the_chapters_rows_stand_beside_ours_of_the_same_strategy(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    comparison = compare(sweep, config, LABELS)
    unfrozen, frozen = comparison.reference
    assert (unfrozen.ours, frozen.ours) == ("full", "freeze_4")
    full = next(outcome for outcome in sweep if outcome.name == "full")
    assert unfrozen.here["f1_micro"] == pytest.approx(full.metrics["test/f1_micro"])
    assert unfrozen.here["roc_auc_hard_labels"] == full.metrics["test/roc_auc_hard_labels"]
    assert unfrozen.chapter["f1_micro"] == 0.5380  # as the text prints it
    rerun = comparison.notebook[0]
    assert rerun.here["seconds"] == 100
    assert rerun.chapter["f1_micro"] == 0.5534
    without = compare([arm for arm in sweep if arm.name != "full"], config, LABELS)
    assert without.reference[0].ours is None
    assert without.reference[0].here == {}


def test_a_row_of_the_chapter_may_be_a_baselines_and_of_another_part(
    sweep: Sequence[Outcome], config: CaseConfig
) -> None:
    names = [outcome.name for outcome in sweep if outcome.kind == "baseline"]
    row = ReferenceRow(name="before", strategy=names[0], metrics={"val/f1_micro": 0.1})
    told = config.model_copy(update={"reference": ReferenceConfig(source="s", rows=(row,))})
    made = [
        outcome.model_copy(update={"metrics": {**outcome.metrics, "val/f1_micro": 0.25}})
        for outcome in sweep
    ]
    comparison = compare(made, told, LABELS)
    (line,) = comparison.reference
    assert (line.ours, line.here) == (names[0], {"val/f1_micro": 0.25})
    assert comparison.notebook == ()
    sheet = chapter(comparison)
    assert sheet is not None
    assert sheet.columns == ("", "F1 micro, validation")


def test_the_conclusion_of_a_wide_test_says_as_good_as(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arms = [
        with_validation(make_outcome(name, noise, seed=seed, rows=1500, seconds=seconds), score)
        for name, noise, seconds, score in (
            ("full", 0.5, 100, 0.8),
            ("freeze_4", 0.5, 41, 0.7),
            ("head", 1.5, 4, 0.6),
        )
        for seed in (1, 2, 3)
    ]
    text = compare(arms, config, LABELS).conclusion
    assert "Of 3 strategies (3 seeds each), full is best on validation" in text
    assert "As good as full: freeze_4 (difference " in text
    assert "at 0.41x its training time" in text
    assert "Worse: head (difference -" in text
    assert "Caution" not in text


def test_the_conclusion_of_a_small_test_is_careful(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arms = [make_outcome("full", 0.5, rows=65), make_outcome("freeze_4", 0.5, rows=65)]
    text = compare(arms, config, LABELS).conclusion
    assert "Not distinguishable from" in text
    assert "As good as" not in text
    assert "only 65 test rows: a difference of less than about 0." in text
    assert "with one seed" in text


def test_the_conclusion_names_a_baseline_that_was_not_beaten(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    arm = make_outcome("full", 1.0)
    better = make_outcome("tfidf_logistic", 0.3, kind="baseline", seed=None)
    equal = make_outcome("tfidf_logistic", 1.0, kind="baseline", seed=None)
    text = compare([arm, better], config, LABELS).conclusion
    assert text.startswith("Use tfidf_logistic instead of these models: on test it is better than ")
    assert "loses to the strongest baseline on validation, tfidf_logistic" in text
    text = compare([arm, equal], config, LABELS).conclusion
    assert "cannot be told apart from the strongest baseline on validation" in text
    assert text.startswith("Keep to tfidf_logistic for now: full, the arm that validation chose")
    assert "\n- full is the only arm; on test it reaches F1 micro (tuned) 0." in text


def test_where_nothing_is_shown_to_beat_the_trivial_answer_none_is_to_be_kept_to(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    """On labels without meaning one of them has the better figure always."""
    arm = make_outcome("full", 1.0, rows=24)
    words = make_outcome("tfidf_logistic", 0.8, kind="baseline", seed=None, rows=24)
    like = make_outcome("majority", 1.4, kind="baseline", seed=None, rows=24)
    worse = make_outcome("majority", 20.0, kind="baseline", seed=None, rows=24)
    for floor in (like, worse):
        found = compare([arm, words, floor], config, LABELS, floor="majority")
        reference = strongest_reference(found)
        assert reference is not None
        assert reference.name == "tfidf_logistic"
        cleared = found.clears("tfidf_logistic", "majority")
        assert cleared == (floor is worse)
        gap = found.difference("tfidf_logistic", "majority")
        assert cleared == (gap.low > 0)
        if cleared:
            assert found.headline.startswith("Keep to tfidf_logistic for now")
        else:
            assert found.headline.startswith("Trust none of these models yet: full, the arm that")
            assert "is not shown to be better than tfidf_logistic, 0." in found.headline
            assert "neither is shown to be better than majority (0." in found.headline


def test_no_arm_or_no_selection_figure_is_an_error(
    make_outcome: MakeOutcome, config: CaseConfig
) -> None:
    baseline = make_outcome("majority", kind="baseline", seed=None, rows=40)
    blind = with_validation(make_outcome("full", rows=40), np.nan)
    for outcomes in ([baseline], [blind, baseline]):
        with pytest.raises(ThawError, match="No finished arm has a value of val/average_precision"):
            compare(outcomes, config, LABELS)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.select_by=val/f1", r"training.select_by names val/f1, .* mean val/f1_m"),
        ("training.select_by=test/loss", r"select_by names test/loss, .* mean val/loss"),
        ("evaluation.primary=f1_micro", r"primary names f1_micro, .* mean test/f1_micro"),
        ("evaluation.table=[f1_mikro]", r"table names f1_mikro, .* mean f1_micro\?"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest_name(override: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_case(load_case("genre", overrides=[override]))
