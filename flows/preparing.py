"""The steps of the chain before anything is trained: fetch, ingest, validate, split, and the arms
that are planned."""

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.hosted import local_part
from flows.keeping import (
    keep_validation,
    parts_csv,
    with_reading,
)
from flows.sweep import Sweep
from flows.unattended import TRIES
from tasks.config import CaseConfig
from tasks.config.loading import on_each_base
from tasks.kinds.kind import kind_of
from tasks.kinds.values import Division, Rows, Start
from tasks.splitting.shares import share_of
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec, plan_arms
from tasks.validation.validate import validate


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
