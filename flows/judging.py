"""The steps of the chain behind the arms: references, comparison, and who becomes champion."""

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.fanning import or_divergence
from flows.keeping import (
    keep_comparison,
    provenance,
    tell_speed,
)
from flows.pages import tell_champion
from flows.recording import in_own_run
from flows.showing import show_verdicts
from flows.sweep import Sweep
from tasks.config.loading import on_each_base
from tasks.errors import DivergedError
from tasks.evaluation.comparison import compare
from tasks.evaluation.conclusion import strongest_reference
from tasks.evaluation.findings import LeftOut
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_common
from tasks.evaluation.report import html
from tasks.kinds.data_sheet import data_sheet
from tasks.kinds.kind import Kind, kind_of
from tasks.kinds.values import Arms, Compared, Division, Measuring, Rows, Start
from tasks.registry.card import model_card
from tasks.registry.judging import Bar, Candidate, against
from tasks.registry.promotion import Promotion, promote

NOT_REGISTERED = (
    "Nothing is registered: folds measure strategies, and each fold's model has seen only a part "
    "of the data. Run again without split.folds to register the strategy that you choose."
)


def run_references(
    arms: Arms, start: Start, anew: bool, sweep: Sweep
) -> tuple[list[Outcome], list[LeftOut]]:
    """All baselines, and those that diverged: they are left out as an arm is.

    Raises:
        DivergedError: the one is lost that stands for the trivial answer.
    """
    kind, found, lost = kind_of(start.config.task), [], {}
    for name in kind.references(start):
        measured = or_divergence(run_reference, name, arms, start, anew, sweep)
        if isinstance(measured, DivergedError):
            get_run_logger().warning("%s is left out: %s", name, measured)
            lost[name] = measured
        else:
            found.append(measured)
    try:
        kind.floor(found, start)
    except StopIteration:
        raise next(iter(lost.values())) from None
    return found, [LeftOut(name=name, reason=str(error)) for name, error in lost.items()]


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_reference(name: str, arms: Arms, start: Start, anew: bool, sweep: Sweep) -> Outcome:
    """Measure one baseline under a child run of the sweep.

    Args:
        name: one of the kind's `references`.
        arms: of the sweep.
        start: of the sweep.
        anew: train a finished one again, where it is trained.
        sweep: the open sweep.
    """
    config = start.config

    def measure(run_id: str) -> Outcome:
        run = Measuring(sweep.tracker, run_id, anew)
        return kind_of(config.task).measure(name, arms, start, run)

    labels = list(arms.first[0].labels)
    return in_own_run(name, "baseline", config.case, sweep, measure, labels)


@task(name="compare", cache_policy=NO_CACHE)
def compare_arms(
    outcomes: Sequence[Outcome],
    arms: Arms,
    rows: Rows,
    division: Division,
    start: Start,
    sweep: Sweep,
) -> Compared[Any, Any]:
    """Compare arms and baselines; keep table, page and plots on the parent run.

    Args:
        outcomes: arms and baselines, folds pooled.
        arms: every arm by itself, and which was chosen.
        rows, division, start: what reports and model cards tell of them.
        sweep: the open sweep.
    """
    kind, config = kind_of(start.config.task), start.config
    floor = kind.floor(outcomes, start).name
    found = compare(outcomes, config, kind.classes(arms.first[0]), arms.left_out, floor)
    found = kind.told(found, outcomes, arms.best)
    compared = Compared(start, rows, division, arms, tuple(outcomes), found, sweep.run_id)
    if sweep.finished:
        return compared
    extras = kind.extras(compared)
    for path, text in extras.files.items():
        sweep.tracker.log_text(sweep.run_id, text, path)
    plots = draw_common(found, arms.outcomes, kind.curves, arms.rows) | extras.plots
    made = on_each_base(config).get(arms.best.point.get("model.base", ""), config)
    reading = kind.reading(arms.first[0].train, made)
    page = html(
        found,
        plots,
        extras.labels,
        f"{config.case}: {config.title}",
        provenance(start, arms.first[0], sweep, reading),
        extras.answers,
        [*extras.sheets, data_sheet(compared, reading)],
        extras.texts,
        extras.examples,
    )
    if extras.examples is not None:
        sweep.tracker.log_rows(sweep.run_id, extras.examples.json(), "comparison/examples.json")
    keep_comparison(found, page, plots, arms.best, config, sweep)
    show_verdicts(found, outcomes, sweep)
    return compared


@task(name="register", cache_policy=NO_CACHE)
def register_best(compared: Compared[Any, Any], sweep: Sweep) -> Promotion | None:
    """Register the arm that validation chose and let it stand for champion.

    It has to be better than the reference that is strongest on validation, by the table's verdict,
    and than the standing champion. After a cross-validation there is none.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    config, best, tracker = compared.config, compared.arms.best, sweep.tracker
    if config.split.folds:
        get_run_logger().warning(NOT_REGISTERED)
        tracker.set_tags(sweep.run_id, {"thaw.verdict": NOT_REGISTERED})
        return None
    kind = kind_of(config.task)
    card = model_card(config, best, compared.comparison, sweep.run_id, kind.card(compared))
    arm = Candidate(best, best.key, lambda: kind.package(best, config), kind.packaging, card)
    bar = bar_of(kind, compared)
    promotion = promote(tracker, kind, config, arm, bar, compared.arms.first[0].test)
    registered = f"{promotion.name} version {promotion.version}"
    said = {"thaw.registered": registered, "thaw.verdict": promotion.reason}
    if promotion.status == "unchanged":  # what it was judged by stays
        said |= {name: told for name, told in tracker.tags(sweep.run_id).items() if name in said}
    tracker.set_tags(sweep.run_id, said)
    tell_champion(promotion, config.case)
    if not sweep.finished:
        tell_speed(best, compared.outcomes, config, sweep)
    get_run_logger().info("%s: %s", promotion.status, promotion.reason)
    return promotion


def bar_of(kind: Kind[Any, Any, Any], compared: Compared[Any, Any]) -> Bar:
    """What the chosen arm has to be better than to become champion (`registry.beats`).

    Where no reference has a figure on validation, it is the trivial answer. A reference may stand
    for champion in the arm's place if it is better than that answer, by its own interval.
    """
    config, best, found = compared.config, compared.arms.best, compared.comparison
    reference = strongest_reference(found) if config.registry.beats == "reference" else None
    floor, metric = kind.floor(compared.outcomes, compared.start), config.evaluation.primary
    if reference is None:
        verdict = against(best.metrics[metric], floor.metrics[metric], metric)
        return Bar(floor, kind.floor_title(floor), verdict)
    outcome = next(one for one in compared.outcomes if one.name == reference.name)
    verdict, title = found.verdict(found.best, reference.name), kind.floor_title(outcome)
    candidate = kind.classical(outcome, compared)
    if candidate and not found.clears(reference.name, floor.name):
        least = kind.floor_title(floor)
        trivial = f"{title} takes no place, not being shown to be better than {least}"
        return Bar(outcome, title, verdict, trivial=trivial)
    return Bar(outcome, title, verdict, candidate)
