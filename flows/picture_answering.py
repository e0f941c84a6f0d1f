"""The chain of a case that answers questions about pictures.

    ingest -> validate -> split by picture -> train the arms -> compare -> register

Its steps are those of `flows/supervised.py` wherever neither labels nor texts play a part.
"""

from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arms import run_arms
from flows.baselines import in_own_run
from flows.supervised import (
    SweepResult,
    keep_comparison,
    keep_promotion,
    keep_validation,
    provenance,
)
from flows.sweep import Sweep, open_sweep
from tasks.answering.baselines import BASELINES, as_baseline, blind_spec, most_frequent_outcome
from tasks.answering.building import parts_digest
from tasks.answering.checking import check_pictures
from tasks.answering.report import pictures_of
from tasks.answering.training import train_vqa_arm
from tasks.config import CaseConfig
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.report import html
from tasks.evaluation.vqa import MOST_FREQUENT
from tasks.ingestion.vqa.ingest import IngestedPictures, ingest_pictures
from tasks.ingestion.vqa.parts import PictureSplitReport, split_questions
from tasks.ingestion.vqa.question_table import question_table
from tasks.registry.card import picture_card
from tasks.registry.promotion import Promotion, promote
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec, plan_arms
from tasks.training.building import read_spec
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
        parts, report = split_by_picture(found, config, sweep)
        specs = plan_arms(config, digest, [], parts)
        anew = force and not sweep.finished
        outcomes = run_arms(specs, sweep, config.execution, anew, blocks=0)
        spec = read_spec(Path(str(best_outcome(outcomes, config).folder)))
        outcomes += [run_blind(name, spec, anew, config, sweep) for name in BASELINES]
        comparison = compare_answers(outcomes, config, spec, sweep)
        promotion = None
        if config.registry.enabled:
            promotion = register_answerer(outcomes, comparison, config, spec, report, sweep)
    return SweepResult(
        case=config.case,
        run_id=sweep.run_id,
        reused=sweep.finished,
        comparison=comparison,
        promotion=promotion,
    )


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
) -> tuple[dict[str, TableRef], PictureSplitReport]:
    """Deal the pictures out to three parts, each with all its questions.

    Raises:
        RequestError: too few pictures, or parts that share some where that is refused.
    """
    parts, report = split_questions(found.questions, config, found.left_out)
    if not sweep.finished:
        sweep.tracker.log_text(sweep.run_id, report.model_dump_json(indent=2), "split/report.json")
        for name, table in parts.items():
            sweep.tracker.log_table(sweep.run_id, table, name, f"{config.case}-{name}")
    logger = get_run_logger()
    sizes = (
        f"{name} {rows:,} questions about {report.images[name]:,} pictures"
        for name, rows in report.questions.items()
    )
    logger.info(", ".join(sizes))
    for note in report.notes:
        logger.info("%s", note)
    return parts, report


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_blind(name: str, spec: ArmSpec, force: bool, config: CaseConfig, sweep: Sweep) -> Outcome:
    """Measure a baseline under a child run of the sweep; two of them are trained.

    Args:
        name: of `baselines.BASELINES`.
        spec: the chosen arm.
        force: train a finished one anew.
        config: the case.
        sweep: the open sweep.
    """
    tracker = sweep.tracker

    def measure(run_id: str) -> Outcome:
        if name == MOST_FREQUENT:
            return most_frequent_outcome(spec, run_id)
        blind = blind_spec(spec, name)
        blind.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{blind.folder}.lock"):  # another sweep may hold the same arm
            outcome = train_vqa_arm(
                blind,
                run_id,
                log=lambda metrics, step: tracker.log_metrics(run_id, metrics, step),
                logged_until=lambda metric: tracker.last_step(run_id, metric),
                force=force,
            )
        return as_baseline(outcome, name).model_copy(update={"run_id": run_id})

    return in_own_run(name, "baseline", config.case, sweep, measure)


@task(name="compare", cache_policy=NO_CACHE)
def compare_answers(
    outcomes: list[Outcome], config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Comparison:
    """Compare arms and baselines; keep table, pages and plots on the parent run."""
    comparison = compare(outcomes, config, [])
    if sweep.finished:
        return comparison
    best = best_outcome(outcomes, config)
    plots: Mapping[str, bytes] = draw_all(comparison, outcomes, best, [])
    about = provenance(config, spec, sweep)
    page = html(comparison, plots, None, f"{config.case}: {config.title}", about)
    sweep.tracker.log_text(sweep.run_id, pictures_of(best, config), "comparison/pictures.html")
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
    promotion = promote(sweep.tracker, config, best, floor, spec.test, card)
    keep_promotion(promotion, sweep)
    return promotion
