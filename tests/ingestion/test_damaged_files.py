"""Files that a disk, a broken download or another program's encoding has damaged.

Whatever is left of one is read, or it is a sentence; never a traceback, a hang or all the memory.
"""

import random
import time
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
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "cp1252", "iso-8859-2", "shift_jis", "utf-7", "cp037")
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
