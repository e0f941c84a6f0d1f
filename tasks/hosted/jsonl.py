"""A stored part as a JSONL file: streamed, so that memory does not grow with the rows."""

import os
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from tasks.config import HostedConfig
from tasks.errors import RequestError
from tasks.hosted.lines import contents, line, overhead
from tasks.hosted.vocabulary import Vocabulary
from tasks.storage import TableRef

ROWS_AT_ONCE = 1024  # a tokenizer keeps kilobytes for each text of a call


class Example(BaseModel):
    """One row of a part, as far as a hosted model needs it."""

    model_config = ConfigDict(frozen=True)

    id: str
    row: int
    text: str
    label: str


class FileReport(BaseModel):
    """What was written: rows, tokens (by the configured tokenizer) and the longest example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    tokens: int
    longest: int
    longest_row: int


def examples(table: TableRef) -> Iterator[list[Example]]:
    """The rows of a part in stored order, in batches."""
    columns = ["id", "row", "text", "labels"]
    for batch in pq.ParquetFile(table.path).iter_batches(ROWS_AT_ONCE, columns=columns):
        yield [
            Example(id=row["id"], row=row["row"], text=row["text"], label=row["labels"][0])
            for row in batch.to_pylist()
        ]


def write_jsonl(
    table: TableRef,
    stream: IO[bytes],
    hosted: HostedConfig,
    vocabulary: Vocabulary,
    context: int | None = None,
    shuffle: int | None = None,
    title: str = "export",
) -> FileReport:
    """Write every row of a part as a line.

    Args:
        table: columns `id`, `row`, `text`, `labels` (one each).
        stream: an open file, where the lines go.
        hosted: the format and its separator or system message.
        vocabulary: counts the tokens.
        context: most tokens that an example may have (None: not known).
        shuffle: seed of the lines' order; None keeps the stored order.
        title: what the progress bar says.

    Raises:
        RequestError: a text holds the separator or is too long; names its row.
    """
    with tempfile.TemporaryFile(dir=Path(stream.name).parent) as scratch:
        starts = array("q", [0])
        first = stream if shuffle is None else scratch
        report = _write_in_order(table, first, starts, hosted, vocabulary, context, title)
        if shuffle is not None:
            scratch.flush()
            # Eight bytes a row are all that the new order holds in memory.
            for place in np.random.default_rng(shuffle).permutation(report.rows):
                length = starts[place + 1] - starts[place]
                stream.write(os.pread(scratch.fileno(), length, starts[place]))
    stream.flush()
    return report


def _write_in_order(
    table: TableRef,
    stream: IO[bytes],
    starts: array,
    hosted: HostedConfig,
    vocabulary: Vocabulary,
    context: int | None,
    title: str,
) -> FileReport:
    """Write the lines as they are stored; `starts` gets the offset behind each."""
    extra = overhead(hosted, sum(vocabulary.counts([hosted.system])) if hosted.system else 0)
    rows = tokens = longest = longest_row = 0
    with tqdm(total=table.rows, desc=title, unit="row", disable=None, leave=False) as bar:
        for batch in examples(table):
            counts = vocabulary.counts([contents(one.text, one.label, hosted) for one in batch])
            for one, count in zip(batch, counts, strict=True):
                _check(one, count + extra, hosted, context)
                if count + extra > longest:
                    longest, longest_row = count + extra, one.row
                encoded = (line(one.text, one.label, hosted) + "\n").encode()
                stream.write(encoded)
                starts.append(starts[-1] + len(encoded))
            rows += len(batch)
            tokens += sum(counts) + extra * len(batch)
            bar.update(len(batch))
    return FileReport(rows=rows, tokens=tokens, longest=longest, longest_row=longest_row)


def _check(one: Example, tokens: int, hosted: HostedConfig, context: int | None) -> None:
    # Looked for in the whole prompt: a text that ends in half a separator completes one early.
    if hosted.format == "completion":
        prompt = one.text + hosted.separator
        if prompt.index(hosted.separator) != len(one.text):
            raise RequestError(
                f"Row {one.row} (id {one.id}) contains the separator {hosted.separator!r}, which "
                "has to end a prompt and stand nowhere else: change the text, or hosted.separator."
            )
    if context is not None and tokens > context:
        raise RequestError(
            f"Row {one.row} (id {one.id}) is {tokens:,} tokens long, and the model takes "
            f"{context:,} (conf/hosted.yaml): shorten the text or name another hosted.model."
        )


def one_file(folder: Path, part: str) -> Path:
    """Where a part's lines lie."""
    return folder / f"{part}.jsonl"
