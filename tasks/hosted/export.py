"""`thaw export`: a case's parts as the files that OpenAI's fine-tuning takes."""

import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.config import CaseConfig, LabelsCase
from tasks.errors import RequestError
from tasks.hosted.checking import single_label
from tasks.hosted.jsonl import FileReport, one_file, write_jsonl
from tasks.hosted.prices import PriceList, price_list, today
from tasks.hosted.vocabulary import Vocabulary, check_labels
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples
from tasks.splitting.parts import split_texts
from tasks.splitting.recorded import lineage_of
from tasks.splitting.units import text_units
from tasks.storage import TableRef, atomic_path
from tasks.validation.validate import validate

EXPORTED = ("train", "validation")


class Exported(BaseModel):
    """The files that were written, and what training on them would cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[Path, FileReport]
    estimate: str


def export_case(config: CaseConfig, out: Path, with_test: bool = False) -> Exported:
    """Run a case's chain up to the split and write its parts as JSONL.

    The test part stays here unless it is asked for: what a hosted model has been shown, it can
    no longer be tested on.

    Raises:
        RequestError: the data is wrong, a label or text does not fit the format, or `out` cannot
            be written.
        ThawError: data or tokenizer have to be fetched and cannot be.
    """
    config = single_label(config)
    there = out.exists()
    _require_writable(out)
    try:
        return _exported(config, out, with_test)
    except BaseException:
        if not there:
            with suppress(OSError):  # it holds files by now
                out.rmdir()
        raise


def _exported(config: LabelsCase, out: Path, with_test: bool) -> Exported:
    prices = price_list()
    model = config.hosted.model
    vocabulary = Vocabulary(config.hosted.tokenizer)
    prepared = prepare(ingest(config.data, config.split.seed), config.data)
    validate(prepared.read(), config).raise_if_blocked()
    rows, usable = usable_examples(prepared, config.data)
    check_labels(list(usable.labels), config.hosted, vocabulary)
    units_of = partial(text_units, config=config.split, labelled=True)
    (parts,), _ = split_texts(rows, units_of, config.split, lineage_of(config))
    chosen = {name: parts[name] for name in (*EXPORTED, *(["test"] if with_test else []))}
    written = write_parts(chosen, out, config, prices, model, vocabulary)
    tokens = written["train"].tokens
    return Exported(
        files={one_file(out, name): report for name, report in written.items()},
        estimate=prices.estimate(model, tokens, config.hosted.epochs, today()),
    )


def write_parts(
    parts: dict[str, TableRef],
    folder: Path,
    config: LabelsCase,
    prices: PriceList,
    model: str | None,
    vocabulary: Vocabulary,
) -> dict[str, FileReport]:
    """Write parts beside each other: all of them, or none where one is refused.

    The training rows are shuffled by the first seed, since a server may take them as they come;
    `training.shuffle=false` keeps their stored order.
    """
    price = prices.models.get(model or "")
    reports = {}
    with ExitStack() as stack:
        for name, table in parts.items():
            partial = stack.enter_context(atomic_path(one_file(folder, name)))
            shuffled = name == "train" and config.training.shuffle
            with partial.open("wb") as stream:
                reports[name] = write_jsonl(
                    table,
                    stream,
                    config.hosted,
                    vocabulary,
                    price.context if price else None,
                    config.seeds[0] if shuffled else None,
                    f"{config.case}: {name}",
                )
    return reports


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"--out {folder} cannot be written ({error.strerror or error}): name a folder that "
            "can be."
        ) from error
