"""A drafted case read as its run will read it: rows, labels, examples, lengths in tokens."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.drafting.case_text import written
from tasks.drafting.doubts import doubts_of_labels, doubts_of_texts, they_are
from tasks.drafting.form import Form
from tasks.drafting.recipes import RECIPES
from tasks.drafting.told import Told
from tasks.errors import RequestError, ThawError
from tasks.ingestion.cleaning import holds_markup
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples
from tasks.storage import TableRef, write_text

EXAMPLES = 3
FEWEST = 10
"""Rows of a label below which no part can judge it: such labels are left out of a draft."""
LEAST = 10
"""Rows that the suites of all kinds ask for."""
FEW = 500
"""Usable rows up to which a draft says what they are worth, and deals them to see."""
MARKUP = 0.05
"""Share of texts with tags from which on they are HTML."""
MANY = 5000
"""Rows from which on a first look takes a sample."""
MOST_LABELS = 12
LONGEST = 256
"""Tokens from which on a first run would take long: attention costs the square of them."""
STEP = 16
"""Lengths are rounded up to a multiple of so many tokens."""


@dataclass(frozen=True)
class Understood:
    """What became of a file.

    Attributes:
        case: the case's file.
        facts: what was understood, a line each.
        unsure: what could be otherwise, with what to say then.
        examples: the first texts as the model reads them, each with what it is to answer.
        commands: what to run next.
    """

    case: Path
    facts: tuple[str, ...]
    unsure: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def draft(form: Form, told: Told, case: Path, base: str | None = None) -> Understood:
    """Write a case and read it back as a run would.

    Args:
        form: the file.
        told: what it was taken for.
        case: the YAML to write.
        base: the base model, where the user names one.

    Raises:
        RequestError: the case cannot be read that way; nothing is left behind.
    """
    kept = case.read_text("utf-8") if case.exists() else None
    try:
        return _skipping(form, told, case, base)
    except BaseException:
        case.unlink(missing_ok=True)
        if kept is not None:
            write_text(case, kept)
        raise


def _skipping(form: Form, told: Told, case: Path, base: str | None) -> Understood:
    """`_understood`; of records in a layout, those that cannot be used are left out and counted."""
    try:
        return _understood(form, told, case, base)
    except RequestError as bad:
        if "data.on_bad_line=skip" not in str(bad):
            raise
        told.data["on_bad_line"] = "skip"
        return _understood(form, told, case, base)


def _understood(form: Form, told: Told, case: Path, base: str | None) -> Understood:
    write_text(case, written(form, told, case.parent, base, None))
    config = load_case(str(case))
    if _is_markup(form, told) and "html" not in told.data:
        told.data["html"] = True
        told.said.append("the texts hold HTML, whose tags go: data.html")
        told.unsure.append("if the tags are what the texts are about, set data.html to false")
        write_text(case, written(form, told, case.parent, base, None))
        config = load_case(str(case))
    facts = [form.said, f"task: {told.task}", *told.said]
    unsure = list(told.unsure)
    raw = ingest(config.data, config.split.seed)
    table = prepare(raw, config.data, labels_are_texts=not RECIPES[told.task].counts_labels)
    unsure += _notes(raw.origin, table.origin, config.data.source)
    unsure += doubts_of_texts(told)
    rows = table.read()
    answers = [_answer(row) for row in rows.to_dict("records")]
    if RECIPES[told.task].counts_labels:
        _, report = usable_examples(table, config.data)
        rare = [label for label, rows_of in report.labels.items() if rows_of < FEWEST]
        if rare and len(report.labels) - len(rare) > 1:
            told.data["min_label_count"] = FEWEST
            told.said.append(
                f"{they_are(len(rare), 'label')} left out, with fewer than {FEWEST} rows "
                f"({', '.join(rare[:3])} …): data.min_label_count"
            )
            facts.append(told.said[-1])
            write_text(case, written(form, told, case.parent, base, None))
            _, report = usable_examples(table, load_case(str(case)).data)
        facts.append(_labels(report.labels, len(rows)))
        facts.append(f"{report.kept:,} of {report.rows:,} rows can be learned from")
        unsure += [
            f"{they_are(count, 'row')} left out: {why}" for why, count in report.dropped.items()
        ]
        unsure += doubts_of_labels(rows)
        if len(report.labels) > 1 and set(report.labels.values()) == {report.kept}:
            raise RequestError(
                f"{form.path}: every row has all of the labels {', '.join(report.labels)} in "
                f"{', '.join(told.label)}: nothing can be told apart. Say which column is meant "
                "with --label."
            )
        if len(report.labels) < 2:
            raise RequestError(
                f"{form.path}: {', '.join(told.label)} has {len(report.labels)} label with at "
                "least one row that has a text: nothing can be told apart. Say which column is "
                "meant with --label."
            )
    else:
        facts.append(f"{len(rows):,} rows can be read")
    _refuse_too_few(form, table, config, told, unsure)
    texts = [text for text in rows["text"].tolist() if isinstance(text, str)]
    length = _length(texts, told, base, facts, unsure)
    if length is not None:
        write_text(case, written(form, told, case.parent, base, length))
        load_case(str(case))
    examples = [
        (text, answer)
        for text, answer in zip(rows["text"].tolist(), answers, strict=True)
        if isinstance(text, str) and answer
    ]
    run = f"thaw run {case}"
    quick = [s for s in ("head", "last_1") if s in RECIPES[told.task].strategies]
    few = f" -o data.limit={MANY}" if len(rows) > MANY else ""
    first = [f"{run}{few} -o 'strategies=[{','.join(quick)}]'   (a first look)"] if quick else []
    return Understood(case, tuple(facts), tuple(unsure), tuple(examples[:EXAMPLES]), (*first, run))


def _is_markup(form: Form, told: Told) -> bool:
    """Whether HTML stands in texts that are read and not written."""
    if not told.text or RECIPES[told.task].writes:
        return False
    cells = [cell for name in told.text for cell in told.columns[name].cells]
    return sum(map(holds_markup, cells)) >= MARKUP * len(cells)


def _refuse_too_few(
    form: Form, table: TableRef, config: CaseConfig, told: Told, unsure: list[str]
) -> None:
    """Refuse a file of which no three parts can be made; say what few rows are worth.

    Raises:
        RequestError: with how many there are, and are needed.
    """
    from tasks.splitting.assignment import assign
    from tasks.splitting.units import text_units

    kept, report = usable_examples(table, config.data)
    if report.kept > FEW:
        return
    again = "Give a file with more rows; nothing was written."
    if report.kept < LEAST:
        raise RequestError(
            f"{form.path}: {report.kept:,} rows can be learned from, and at least {LEAST} are "
            f"needed for three parts. {again}"
        )
    try:
        found = assign(
            text_units(kept.read(), config.split, RECIPES[told.task].counts_labels), config.split
        )
    except RequestError as error:
        raise RequestError(f"{form.path} cannot be divided into three parts: {error}") from error
    rows = found.report.parts[0]["test"]
    points = 100 * 1.96 * math.sqrt(0.25 / rows)
    known = f", on which a share of a half is known to ±{points:.0f} points"
    unsure.append(
        f"{report.kept:,} rows are few: {rows:,} are for the test"
        f"{known if RECIPES[told.task].counts_labels else ''}; split.folds=5 tests every row once"
    )


def _notes(read: str, prepared: str, source: str) -> list[str]:
    """What reading a file came upon, a line each; its layout is said elsewhere."""
    found = read.removeprefix(source).removeprefix(" (").removesuffix(")").split("; ")
    found.append(prepared.removeprefix(read).removeprefix("; "))
    return [note for note in found if note and not note.endswith(" layout")]


def _answer(row: Mapping[Any, Any]) -> str:
    """What a row is to be answered with, in words."""
    if "chosen" in row:
        return f"{row.get('chosen')} (rather than {row.get('rejected')})"
    labels = row.get("labels")
    return ", ".join(map(str, labels)) if labels is not None else ""


def _labels(counts: dict[str, int], rows: int) -> str:
    most = Counter(counts).most_common(MOST_LABELS)
    listed = ", ".join(f"{label} ({count:,}, {count / rows:.0%})" for label, count in most)
    more = f" and {len(counts) - MOST_LABELS:,} more" if len(counts) > MOST_LABELS else ""
    return f"{len(counts)} labels: {listed}{more}"


def _length(
    texts: list[str], told: Told, base: str | None, facts: list[str], unsure: list[str]
) -> int | None:
    """`model.max_length` by the base model's own tokenizer; None where it cannot be measured."""
    from tasks.config import ModelConfig
    from tasks.models.base_models import locate
    from tasks.training.reading import read_texts

    name = base or RECIPES[told.task].base
    try:
        located = locate(name)
        reading = read_texts(texts, located, ModelConfig(base=name, max_length=10**6))
    except RequestError:
        raise
    except (ThawError, OSError) as error:
        unsure.append(f"the lengths in tokens of {name} were not measured: {error}")
        return None
    if reading.nothing or reading.unknown >= 0.01:
        unsure.append(reading.warnings[0] if reading.warnings else reading.sentence)
    facts.append(f"95 % of the texts have at most {reading.holding} tokens of {name}")
    if not RECIPES[told.task].reads_alone:
        return None  # the answer comes on top
    room = STEP * math.ceil(max(reading.holding, STEP) / STEP)
    most = min(LONGEST, reading.context or LONGEST)
    if room > most:
        unsure.append(
            f"longer texts are cut at model.max_length={most} tokens, to train fast; {name} reads "
            f"at most {reading.context or 'any number'}"
        )
    return min(room, most)
