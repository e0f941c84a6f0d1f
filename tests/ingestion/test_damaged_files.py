"""Files that a disk, a broken download or another program's encoding has damaged.

Whatever is left of one is read, or it is a sentence; never a traceback, a hang or all the memory.
"""

import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingestion.test_files_people_have import CHATS, save

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples

ROWS = 40
MOST_SECONDS = 60.0
"""For all damages of one form; a single file of forty rows takes hundredths."""

Damage = Callable[[bytes, random.Random], bytes]


def cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def bits_flipped(content: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 64))):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def a_piece_gone(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randrange(1, 200) :]


def a_piece_twice(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    piece = content[start : start + chance.randrange(1, 200)]
    return content[:start] + piece * chance.choice((2, 50)) + content[start:]


def zeros(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + bytes(200) + content[start + 200 :]


def noise(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + chance.randbytes(30) + content[start:]


def marks(content: bytes, chance: random.Random) -> bytes:
    """What means something to a parser, where it does not belong."""
    damaged = content
    for _ in range(3):
        place = chance.randrange(len(damaged))
        mark = chance.choice(
            (b'"', b"'", b"[", b"{", b"}", b"]", b",", b"\r", b"\n", b"\\u", b"\\")
        )
        damaged = damaged[:place] + mark * chance.choice((1, 1, 3000)) + damaged[place:]
    return damaged


DAMAGES = (cut_off, bits_flipped, a_piece_gone, a_piece_twice, zeros, noise, marks)
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "cp1252", "iso-8859-2", "utf-7", "cp037")
FORMS = ("csv", "tsv", "jsonl", "json", "parquet")


def labelled(folder: Path, form: str) -> Path:
    words = ("naïve", "Gänse", "déjà vu", "colour", 'a "quoted" word', "two\nlines", "comma, here")
    return save(
        folder,
        form,
        [
            {"title": f"T{n}", "synopsis": f"{words[n % 7]} and {n}", "genres": "Drama, Krimi"}
            for n in range(ROWS)
        ],
    )


def table_of(path: Path, form: str) -> DataConfig:
    return DataConfig(
        path=path,
        format=form,
        required=("synopsis", "genres"),
        optional=("title",),
        label_role="genres",
        label_separator=",",
        text=("{synopsis}",),
    )


def chats(folder: Path, form: str) -> Path:
    made = CHATS["chat as JSON text"]
    return save(folder, form, [made(f"Question {n}?", f"Answer {n}.") for n in range(ROWS)])


def chats_of(path: Path, form: str) -> DataConfig:
    return DataConfig(path=path, format=form, layout="dialogues", label_role=None)


def preferences(folder: Path, form: str) -> Path:
    rows = [{"prompt": f"Q {n}?", "chosen": f"A {n}", "rejected": "No."} for n in range(ROWS)]
    return save(folder, form, rows)


def preferences_of(path: Path, form: str) -> DataConfig:
    return DataConfig(
        path=path, format=form, layout="comparisons", keep_lines=True, label_role=None
    )


LAYOUTS: dict[str, tuple[Any, Any]] = {
    "table": (labelled, table_of),
    "dialogues": (chats, chats_of),
    "comparisons": (preferences, preferences_of),
}


def read(config: DataConfig) -> int | str:
    """How many rows are read, and prepared as a run prepares them; or the sentence."""
    try:
        table = ingest(config)
        if config.layout == "table":
            usable_examples(prepare(table, config), config)
        return table.rows
    except RequestError as error:
        return str(error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_file_is_read_or_is_a_sentence(tmp_path: Path, layout: str, form: str) -> None:
    make, configured = LAYOUTS[layout]
    path = make(tmp_path, form)
    whole = path.read_bytes()
    config = configured(path, form)
    assert read(config) == ROWS
    begun = time.monotonic()
    for number in range(60):
        chance = random.Random(f"{layout} {form} {number}")  # noqa: S311
        path.write_bytes(chance.choice(DAMAGES)(whole, chance))
        found = read(config)
        assert isinstance(found, int) or len(found) < 2_100
    assert time.monotonic() - begun < MOST_SECONDS


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_is_a_sentence_or_the_same_text(tmp_path: Path, encoding: str) -> None:
    path = labelled(tmp_path, "csv")
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.encode(encoding, errors="ignore"))
    found = read(table_of(path, "csv"))
    assert encoding == "utf-7" or "UTF-8" in str(found) or "no column synopsis" in str(found)


WIDE = 10_000


@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "parquet"])
def test_ten_thousand_columns_are_read_for_the_three_that_matter(tmp_path: Path, form: str) -> None:
    rows = 20
    more = {f"column {n}": f"value {n}" for n in range(WIDE)}
    given = {"synopsis": "A ship.", "genres": "Drama"}
    path = save(tmp_path, form, [more | given | {"title": f"T{n}"} for n in range(rows)])
    tracemalloc.start()
    assert read(table_of(path, form)) == rows
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (30e6 if form in ("csv", "parquet") else 150e6)  # JSON is read whole


def test_ten_thousand_columns_without_the_needed_one_are_a_short_sentence(tmp_path: Path) -> None:
    path = save(tmp_path, "csv", [{f"column {n}": "x" for n in range(WIDE)}])
    found = str(read(table_of(path, "csv")))
    assert "no column synopsis" in found
    assert "and 9,970 more" in found
    assert len(found) < 1000


def test_records_that_each_have_fields_of_their_own_cost_their_size(tmp_path: Path) -> None:
    """As a table of all fields they would be nine million cells."""
    given = {"synopsis": "A ship.", "genres": "Drama"}
    rows = [given | {f"only of {n}": n, "title": f"T{n}"} for n in range(3_000)]
    tracemalloc.start()
    assert read(table_of(save(tmp_path, "jsonl", rows), "jsonl")) == len(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("form", FORMS)
def test_a_cell_of_five_megabytes_is_a_text_like_any_other(tmp_path: Path, form: str) -> None:
    long = "A ship sails to the end of the world. " * 140_000
    rows = [{"title": "T", "synopsis": text, "genres": "Drama"} for text in ("Short.", long)]
    begun = time.monotonic()
    config = table_of(save(tmp_path, form, rows), form)
    examples, _ = usable_examples(prepare(ingest(config), config), config)
    assert [len(text) for text in examples.read()["text"]] == [6, len(long) - 1]
    assert time.monotonic() - begun < MOST_SECONDS / 4
