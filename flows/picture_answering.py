"""The chain of a case that answers questions about pictures.

    ingest -> validate -> split (or fold) by picture -> train the arms -> compare -> register

Steps that other chains have too are in `flows/steps.py` and `flows/folding.py`.
"""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arms import run_arms
from flows.baselines import in_own_run
from flows.folding import keep_pooled, log_parts, plan_folds, warn_not_registered
from flows.steps import (
    SweepResult,
    keep_comparison,
    keep_validation,
    promote_best,
    provenance,
    swept,
)
from flows.sweep import Sweep, open_sweep
from tasks.answering.baselines import BASELINES, as_baseline, blind_spec, most_frequent_outcome
from tasks.answering.building import parts_digest
from tasks.answering.checking import check_pictures
from tasks.answering.report import pictures_of
from tasks.answering.training import AnswerLearner
from tasks.config import CaseConfig
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.pooling import pool_folds
from tasks.evaluation.report import html
from tasks.evaluation.scored import table_metrics
from tasks.evaluation.vqa import MOST_FREQUENT
from tasks.ingestion.vqa.ingest import IngestedPictures, ingest_pictures
from tasks.ingestion.vqa.parts import PictureSplitReport, split_questions
from tasks.ingestion.vqa.question_table import question_table
from tasks.locks import locked
from tasks.registry.card import picture_card
from tasks.registry.promotion import Promotion
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.run import train_arm
from tasks.validation.validate import validate


def run_pictures(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    check_metric_names(config)
    check_pictures(config)
    digest = parts_digest(config)
    found = ingest_questions(config)
    with open_sweep(config, found.questions.digest, force) as sweep:
        validate_questions(found, config, sweep)
        folds, report = split_by_picture(found, config, sweep)
        specs = plan_folds(config, digest, folds)
        anew = force and not sweep.finished
        arms = run_arms(specs, sweep, config.execution, anew, blocks=0)
        pooled = pool_folds(arms, table_metrics)
        outcomes = [keep_pooled(outcome, config, sweep) for outcome in pooled]
        best = best_outcome(outcomes, config)
        chosen = [spec for spec in specs if (spec.name, spec.seed) == (best.name, best.seed)]
        outcomes += [run_blind(name, chosen, anew, config, sweep) for name in BASELINES]
        comparison = compare_answers(outcomes, arms, config, chosen[0], sweep)
        promotion = None
        if config.registry.enabled and config.split.folds:
            warn_not_registered(sweep)
        elif config.registry.enabled:
            promotion = register_answerer(outcomes, comparison, config, chosen[0], report, sweep)
    return swept(config, sweep, comparison, promotion)


@task(name="ingest", cache_policy=NO_CACHE)
def ingest_questions(config: CaseConfig) -> IngestedPictures:
    """Read the questions, or draw the sample, and look at every picture once."""
    found = ingest_pictures(config)
    logger = get_run_logger()
    counts = found.audit.counts()
    logger.info(
        "%s questions about %s pictures from %s (%s)",
        f"{found.questions.rows:,}",
        f"{counts['pictures']:,}",
        found.questions.origin,
        ", ".join(found.parts),
    )
    for sentence in (*found.left_out.sentences(), *found.audit.sentences()):
        logger.warning("left out: %s", sentence)
    return found


@task(name="validate", cache_policy=NO_CACHE)
def validate_questions(found: IngestedPictures, config: CaseConfig, sweep: Sweep) -> None:
    """Check the question table against the case's suite; keep its report and the pictures' audit.

    Raises:
        RequestError: a blocking expectation failed; names it, the column, counts and rows.
    """
    if sweep.finished:
        return
    log, run_id = sweep.tracker.log_text, sweep.run_id
    audit = found.audit
    counts = "".join(f"{count:>8,}  {what}\n" for what, count in audit.counts().items())
    lines = [*audit.sentences(), *found.left_out.sentences()]
    log(run_id, counts + "".join(f"\n{line}" for line in lines), "validation/pictures.txt")
    log(run_id, str(audit.faulty.to_csv(index=False)), "validation/pictures.csv")
    report = validate(question_table(found.questions), config)
    keep_validation(report, found.questions.origin, config, sweep)


@task(name="split", cache_policy=NO_CACHE)
def split_by_picture(
    found: IngestedPictures, config: CaseConfig, sweep: Sweep
) -> tuple[list[dict[str, TableRef]], PictureSplitReport]:
    """Deal the pictures out to three parts, each with all its questions; or to those of each fold.

    Raises:
        RequestError: too few pictures, or parts that share some where that is refused.
    """
    folds, report = split_questions(found.questions, config, found.left_out)
    if not sweep.finished:
        sweep.tracker.log_text(sweep.run_id, report.model_dump_json(indent=2), "split/report.json")
        log_parts(folds, config, sweep)
    logger = get_run_logger()
    for number, questions in enumerate(report.questions):
        images = report.images[number]
        sizes = (
            f"{name} {rows:,} questions about {images[name]:,} pictures"
            for name, rows in questions.items()
        )
        where = f"fold {number}: " if config.split.folds else ""
        logger.info("%s%s", where, ", ".join(sizes))
    for note in report.notes:
        logger.info("%s", note)
    return folds, report


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_blind(
    name: str, chosen: list[ArmSpec], force: bool, config: CaseConfig, sweep: Sweep
) -> Outcome:
    """Measure a baseline under a child run of the sweep; two of them are trained.

    Args:
        name: of `baselines.BASELINES`.
        chosen: the chosen arm; with cross-validation, that of each fold.
        force: train a finished one anew.
        config: the case.
        sweep: the open sweep.
    """
    tracker = sweep.tracker

    def measure_fold(spec: ArmSpec, run_id: str) -> Outcome:
        if name == MOST_FREQUENT:
            return most_frequent_outcome(spec, run_id)
        blind = blind_spec(spec, name)
        whole = spec.fold is None  # the folds' curves would be one in another's way

        def log(metrics: dict[str, float], step: int) -> None:
            if whole:
                tracker.log_metrics(run_id, metrics, step)

        blind.folder.mkdir(parents=True, exist_ok=True)
        with locked(blind.folder.with_suffix(".lock")):  # another sweep may hold the same arm
            outcome = train_arm(
                blind,
                run_id,
                AnswerLearner,
                log=log,
                logged_until=lambda metric: tracker.last_step(run_id, metric) if whole else -1,
                force=force,
            )
        return as_baseline(outcome, name)

    def measure(run_id: str) -> Outcome:
        folds = [measure_fold(spec, run_id) for spec in chosen]
        (pooled,) = pool_folds(folds, table_metrics)
        return pooled.model_copy(update={"run_id": run_id})

    return in_own_run(name, "baseline", config.case, sweep, measure)


@task(name="compare", cache_policy=NO_CACHE)
def compare_answers(
    outcomes: list[Outcome], arms: list[Outcome], config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Comparison:
    """Compare arms and baselines; keep table, pages and plots on the parent run.

    Args:
        outcomes: arms and baselines, folds pooled.
        arms: every arm by itself, with its curve and its model.
        config: the case.
        spec: an arm, for what the figures rest on.
        sweep: the open sweep.
    """
    comparison = compare(outcomes, config, [])
    if sweep.finished:
        return comparison
    best = best_outcome(outcomes, config)
    plots: Mapping[str, bytes] = draw_all(comparison, arms, best, [])
    about = provenance(config, spec, sweep)
    page = html(comparison, plots, None, f"{config.case}: {config.title}", about)
    shown = next(arm for arm in arms if (arm.name, arm.seed) == (best.name, best.seed))
    sweep.tracker.log_text(sweep.run_id, pictures_of(shown, config), "comparison/pictures.html")
    keep_comparison(comparison, page, plots, best, config, sweep)
    return comparison


@task(name="register", cache_policy=NO_CACHE)
def register_answerer(
    outcomes: list[Outcome],
    comparison: Comparison,
    config: CaseConfig,
    spec: ArmSpec,
    report: PictureSplitReport,
    sweep: Sweep,
) -> Promotion:
    """Register the arm that validation chose and let it stand for champion.

    It has to beat the most frequent answer of each question type, and the standing champion.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    best = best_outcome(outcomes, config)
    floor = next(outcome for outcome in outcomes if outcome.name == MOST_FREQUENT)
    card = picture_card(config, best, comparison, spec, report.left_out, sweep.run_id)
    return promote_best(best, floor, card, config, spec, sweep)
