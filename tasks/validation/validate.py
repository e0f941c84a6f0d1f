"""Validate a case's prepared rows against its expectation suite.

    report = validate(examples, config)
    report.raise_if_blocked()

`examples` holds all rows, good and bad: what is wrong with the data is counted here, before
rows are left out. What the suite can refer to is described in `tables.py`.
"""

from collections.abc import Sequence

import pandas as pd

from tasks.config import CaseConfig
from tasks.validation.findings import Finding, LabelCount, Offender, Outcome, ValidationReport
from tasks.validation.sentences import sentence, shorten
from tasks.validation.suites import Expectation, Table, load_suite, suite_of
from tasks.validation.tables import example_table, label_table, usable_rows

MAX_LABELS = 200  # a free-text column taken for labels must not make a report of megabytes


def validate(
    examples: pd.DataFrame,
    config: CaseConfig,
    labels_are_texts: bool = False,
    noun: str = "label",
) -> ValidationReport:
    """What every expectation of the case's suite finds in `examples`.

    Args:
        examples: `row` (int, record number in the file), `id` (str), a column for each role,
            `text` (str, null where a required role is empty), and `labels` (list of str) where
            the case has labels. It is not changed.
        config: names the suite (by default the case's own) and says which labels are usable.
        labels_are_texts: a row's label is what is to be written, and there is nothing to count.
        noun: what is counted.

    Raises:
        RequestError: there is no such suite, or it is wrong.
    """
    # Great Expectations takes seconds to import: only those who validate wait for it.
    from tasks.validation.engine import evaluate

    name = suite_of(config)
    suite = load_suite(name)
    if config.data.label_role is None:
        examples = examples.drop(columns="labels", errors="ignore")
    tables = {
        "examples": example_table(examples, config, labels_are_texts),
        "labels": label_table(examples, config),
    }
    findings = []
    for table, expectations in suite.by_table:
        outcomes = evaluate(tables[table], expectations, name)
        findings += [
            _finding(expectation, outcome, table, tables[table])
            for expectation, outcome in zip(expectations, outcomes, strict=True)
        ]
    counted = tables["labels"].head(0) if labels_are_texts else tables["labels"]
    return ValidationReport(
        case=config.case,
        suite=name,
        source=config.data.source,
        passed=all(found.passed or found.severity == "warn" for found in findings),
        rows=len(examples),
        usable_rows=usable_rows(examples, tables["labels"]),
        findings=tuple(findings),
        label_total=len(counted),
        labels=_label_counts(counted.head(MAX_LABELS)),
        noun=noun,
    )


def _finding(
    expectation: Expectation, outcome: Outcome, table: Table, rows: pd.DataFrame
) -> Finding:
    offenders = outcome.offenders
    if table == "labels" and outcome.observed is not None and not outcome.passed:
        offenders = tuple(rows.index[:5])  # about all labels: the most frequent ones explain it
    return Finding(
        severity="block" if expectation.severity == "critical" else "warn",
        passed=outcome.passed,
        expectation=expectation.type,
        table=table,
        column=", ".join(expectation.columns) or None,
        sentence=sentence(expectation, outcome, table, list(rows.columns)),
        advice=expectation.notes,
        checked=outcome.checked,
        unexpected=outcome.unexpected,
        share=outcome.share,
        observed=shorten(outcome.observed),
        offenders=_offenders(offenders, expectation, table, rows),
    )


def _offenders(
    positions: Sequence[int], expectation: Expectation, table: Table, rows: pd.DataFrame
) -> tuple[Offender, ...]:
    """The rows at `positions`, each with the values that the suite wants shown."""
    wanted = expectation.meta.show or expectation.columns
    shown = [name for name in wanted if name in rows.columns]
    return tuple(
        Offender(
            row=int(line["row"]) if table == "examples" else None,
            id=shorten(line["id" if table == "examples" else "label"]),
            values={name: shorten(line[name]) for name in shown},
        )
        for line in rows.iloc[list(positions)].to_dict("records")
    )


def _label_counts(labels: pd.DataFrame) -> tuple[LabelCount, ...]:
    return tuple(
        LabelCount(label=label, count=count, share=share, usable=usable)
        for label, count, share, usable in zip(
            labels["label"].tolist(),
            labels["count"].tolist(),
            labels["share"].tolist(),
            labels["usable"].tolist(),
            strict=True,
        )
    )
