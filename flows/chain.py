"""The chain of every case, as Prefect tasks over stored references.

    fetch -> ingest -> validate -> split -> train the arms -> compare -> register

What only one kind of case knows, its object does (`tasks/kinds/kind.py`); here no kind has a name.
A task is a few lines around plain functions that tests call directly.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from pydantic import BaseModel, ConfigDict

from flows.arms import run_arms, without_diverged
from flows.fanning import or_divergence
from flows.hosted import local_part, run_hosted, start_hosted
from flows.keeping import (
    keep_comparison,
    keep_validation,
    parts_csv,
    provenance,
    tell_speed,
    with_reading,
)
from flows.pages import tell_champion
from flows.recording import in_own_run
from flows.showing import show_verdicts
from flows.sweep import Sweep, open_sweep
from flows.unattended import TRIES
from tasks.config import CaseConfig
from tasks.config.loading import on_each_base
from tasks.errors import DivergedError
from tasks.evaluation.comparison import best_outcome, compare
from tasks.evaluation.conclusion import strongest_reference
from tasks.evaluation.findings import Comparison, LeftOut
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_common
from tasks.evaluation.pooling import pool_folds
from tasks.evaluation.report import html
from tasks.kinds.data_sheet import data_sheet
from tasks.kinds.kind import Kind, kind_of
from tasks.kinds.values import Arms, Compared, Division, Measuring, Rows, Start
from tasks.registry.card import model_card
from tasks.registry.fresh_process import ahead
from tasks.registry.judging import Bar, Candidate, against
from tasks.registry.promotion import Promotion, promote
from tasks.signals import within
from tasks.splitting.shares import share_of
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec, plan_arms
from tasks.validation.validate import validate

NOT_REGISTERED = (
    "Nothing is registered: folds measure strategies, and each fold's model has seen only a part "
    "of the data. Run again without split.folds to register the strategy that you choose."
)


class SweepResult(BaseModel):
    """What a flow run came to: the comparison, and what became of the best arm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    run_id: str
    reused: bool
    comparison: Comparison
    promotion: Promotion | None


def run_case(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    hours = config.execution.hours
    told = (
        f"The run took longer than execution.hours={hours} allows. What is finished is kept: the "
        "same command goes on from there, with more hours if you give them."
    )
    with within(hours and hours * 3600, told):
        return _run_case(kind_of(config.task).check(config), force)


def _run_case(config: CaseConfig, force: bool) -> SweepResult:
    with open_sweep(config, force) as claim:
        start = fetch(config)
        raw = ingest_data(start)
        sweep = claim(start.config, (raw.table.digest, start.digest, *start.evidence))
        anew = force and not sweep.finished
        rows = validate_data(raw, start, sweep)
        division = split_data(rows, start, sweep)
        specs = plan(rows, division, start)
        for spec in {(spec.fold, spec.train.digest): spec for spec in specs}.values():
            kind_of(config.task).check_parts(spec, start.config)
        hosted = start_hosted(start.config, list(specs[0].labels), division.folds[0], anew)
        trained = run_arms(specs, sweep, start.config, anew, start.blocks)
        specs, arms, left_out = without_diverged(specs, trained)
        outcomes = pooled(arms, specs[0], start, sweep)
        if hosted is not None:
            outcomes.append(run_hosted(hosted, sweep))
        best = best_outcome(outcomes, start.config)
        made = Arms(tuple(specs), tuple(arms), best, left_out)
        registers = config.registry.enabled and not config.split.folds and not sweep.finished
        packaging = kind_of(config.task).packaging
        with ahead(packaging.libraries if registers else None):  # the package will be asked
            references, lost = run_references(made, start, anew, sweep)
            outcomes += references
            made = replace(made, left_out=(*left_out, *lost))
            compared = compare_arms(outcomes, made, rows, division, start, sweep)
            promotion = register_best(compared, sweep) if config.registry.enabled else None
    return SweepResult(
        case=config.case,
        run_id=sweep.run_id,
        reused=sweep.finished,
        comparison=compared.comparison,
        promotion=promotion,
    )


@task(name="fetch", cache_policy=NO_CACHE, **TRIES)
def fetch(config: CaseConfig) -> Start:
    """Locate the models that the sweep starts from, and fix them for all of it.

    Raises:
        RequestError: there is no such model, or one that does not go with the case.
        ThawError: one has to be fetched and cannot be.
    """
    start: Start = kind_of(config.task).start(config, Tracker(config.tracking.uri))
    for name, value in start.params.items():
        get_run_logger().info("%s: %s", name, value)
    return start


@task(name="ingest", cache_policy=NO_CACHE, **TRIES)
def ingest_data(start: Start) -> Rows:
    """Fetch and read the source; the result is a stored table."""
    raw: Rows = kind_of(start.config.task).ingest(start)
    logger = get_run_logger()
    logger.info("%s", raw.told)
    for line in raw.warnings:
        logger.warning("%s", line)
    return raw


@task(name="validate", cache_policy=NO_CACHE)
def validate_data(raw: Rows, start: Start, sweep: Sweep) -> Rows:
    """Check the rows against the case's suite; keep the report; stop here if it blocks.

    Returns:
        The rows that can be learned from.

    Raises:
        RequestError: a blocking expectation failed; names it, the column, counts and rows.
    """
    kind, config = kind_of(start.config.task), start.config
    rows = kind.prepared(raw, config)
    for line in rows.warnings[len(raw.warnings) :]:
        get_run_logger().warning("%s", line)
    if not sweep.finished:
        sweep.tracker.log_params(sweep.run_id, start.params)
        for path, text in kind.audits(rows).items():
            sweep.tracker.log_text(sweep.run_id, text, path)
        report = validate(kind.validated(rows), config, kind.labels_are_texts, kind.answer)
        for made in on_each_base(config).values():
            reading = kind.reading(rows.table, made)
            if reading is not None:
                report = with_reading(report, reading)
        keep_validation(report, rows.table.origin, config, sweep)
    usable: Rows = kind.usable(rows, start)
    return usable


@task(name="split", cache_policy=NO_CACHE)
def split_data(rows: Rows, start: Start, sweep: Sweep) -> Division:
    """Cut the usable rows into train, validation and test (of each fold), and prove that nothing
    leaks.

    Raises:
        RequestError: there are too few rows, or what must not be divided is too large.
        ThawError: the leakage check found something on both sides.
    """
    config = start.config
    deals = [kind_of(config.task).split(rows, made) for made in _deals(config)]
    division = replace(deals[0], folds=tuple(parts for deal in deals for parts in deal.folds))
    if not sweep.finished:
        report = division.report.model_dump_json(indent=2)
        sweep.tracker.log_text(sweep.run_id, report, "split/report.json")
        for number, parts in enumerate(division.folds):
            fold = f"-fold-{number}" if config.split.folds else ""
            sweep.tracker.log_text(sweep.run_id, parts_csv(parts), f"split/parts{fold}.csv")
            for name, table in parts.items():
                sweep.tracker.log_table(sweep.run_id, table, name, f"{config.case}-{name}{fold}")
    for line in division.told:
        get_run_logger().info("%s", line)
    return division


def _deals(config: CaseConfig) -> list[CaseConfig]:
    """The case for each deal of its rows: one, or one a seed (`split.repeat_folds`)."""
    again = range(len(config.seeds) if config.split.repeat_folds else 1)
    splits = [{"seed": config.split.seed + more} for more in again]
    return [
        config.model_copy(update={"split": config.split.model_copy(update=split)})
        for split in splits
    ]


def plan(rows: Rows, division: Division, start: Start) -> list[ArmSpec]:
    """The arms of every fold, one fold after the other; without folds, those of the sweep.

    Where each seed has folds of its own, they are numbered on: with five, 5 to 9 are the second's.
    """
    kind, config = kind_of(start.config.task), local_part(start.config)

    def trained_on(number: int) -> CaseConfig:
        if not config.split.repeat_folds:
            return config
        seed = config.seeds[number * len(config.seeds) // len(division.folds)]
        return config.model_copy(update={"seeds": (seed,), "top_seeds": 1})

    return [
        spec
        for number, parts in enumerate(division.folds)
        for spec in plan_arms(
            trained_on(number),
            start.digest,
            list(kind.outputs(rows)),
            parts,
            number if config.split.folds else None,
            lambda made: kind.sections(made, start),
            kind.idle,
            start.bases,
            lambda train, share: share_of(
                train, share, kind.strata(train.read()) if share < 1 else None, config.split.seed
            ),
        )
    ]


def pooled(arms: Sequence[Outcome], spec: ArmSpec, start: Start, sweep: Sweep) -> list[Outcome]:
    """Each arm, its folds taken together in a run of their own: the evidence for its figures.

    Args:
        arms: outcomes, one a fold.
        spec: any of them, which says what labels mean.
        start, sweep: of them.
    """
    kind, found, labels = kind_of(start.config.task), [], spec.labels
    for outcome in pool_folds(arms, lambda table: kind.figures(table, spec)):
        if not outcome.run_id:  # several folds
            name = f"{outcome.name} seed={outcome.seed} all folds"
            outcome = in_own_run(name, "folds", start.config.case, sweep, _under(outcome), labels)
        found.append(outcome)
    return found


def _under(outcome: Outcome) -> Any:
    return lambda run_id: outcome.model_copy(update={"run_id": run_id})


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
    found = compare(outcomes, config, kind.classes(arms.first[0]), arms.left_out)
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

    Where no reference has a figure on validation, it is the trivial answer.
    """
    config, best, found = compared.config, compared.arms.best, compared.comparison
    reference = strongest_reference(found) if config.registry.beats == "reference" else None
    if reference is None:
        floor = kind.floor(compared.outcomes, compared.start)
        metric = config.evaluation.primary
        verdict = against(best.metrics[metric], floor.metrics[metric], metric)
        return Bar(floor, kind.floor_title(floor), verdict)
    outcome = next(one for one in compared.outcomes if one.name == reference.name)
    return Bar(
        outcome,
        kind.floor_title(outcome),
        found.verdict(found.best, reference.name),
        kind.classical(outcome, compared),
    )
