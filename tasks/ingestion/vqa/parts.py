"""Train, validation and test of questions about pictures: split by picture, then filtered.

parts, report = split_questions(found.questions, config, left_out)
"""

import dataclasses
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.ingestion.vqa.ingest import put_questions
from tasks.ingestion.vqa.reading import LeftOut
from tasks.ingestion.vqa.selecting import keep_agreed, vocabulary
from tasks.ingestion.vqa.splitting import PARTS, split_by_image
from tasks.storage import TableRef

COLUMNS = (
    "id",
    "part",
    "image_id",
    "question",
    "question_type",
    "answer_type",
    "answer",
    "answers",
    "image",
    "path",
)
_TEST_NAMES = ("val", "test")


class PictureSplitReport(BaseModel):
    """How the questions became three parts.

    Attributes:
        questions, images: part -> how many.
        shared: pictures that the given parts share.
        vocabulary: of the training answers, see `selecting.Vocabulary`.
        notes: sentences.
        left_out: a line a reason, ids among it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: dict[str, int]
    images: dict[str, int]
    shared: int
    vocabulary: dict[str, Any]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def split_questions(
    questions: TableRef, config: CaseConfig, left_out: LeftOut
) -> tuple[dict[str, TableRef], PictureSplitReport]:
    """Divide what can be used so that no picture is in two parts; filter training by agreement.

    Args:
        questions: of `ingest.QUESTION_COLUMNS`.
        config: shares, the test part, `vqa.shared_images` and `vqa.consensus`.
        left_out: what was left out before; gets the training questions without agreement.

    Raises:
        RequestError: shared pictures where they are refused, too few pictures, or no training
            question on which enough annotators agree.
        ThawError: a picture is in two parts after all.
    """
    table = pa.Table.from_pandas(questions.read(), preserve_index=False)
    table = table.filter(pc.is_null(table["picture_fault"]))
    split = split_by_image(
        table,
        config.split.validation,
        config.split.test,
        config.split.seed,
        config.vqa.shared_images,
        _test_part(table, config),
    )
    tables = dict(split.tables)
    # `selecting` names questions by their number.
    numbered = tables["train"].append_column(
        "question_id", pc.cast(tables["train"]["id"], pa.int64())
    )
    tables["train"] = keep_agreed(numbered, config.vqa.consensus, left_out)
    _prove_apart(tables)
    report = PictureSplitReport(
        questions={name: len(tables[name]) for name in PARTS},
        images=split.images,
        shared=split.shared,
        vocabulary=dataclasses.asdict(vocabulary(tables["train"], tables["validation"])),
        notes=split.notes,
        left_out=tuple(left_out.sentences()),
    )
    parts = {name: put_questions(tables[name].select(COLUMNS), questions.origin) for name in PARTS}
    return parts, report


def _test_part(table: pa.Table, config: CaseConfig) -> str | None:
    """The given test part: the one that is configured, or of several the one so named."""
    if config.vqa.test_part is not None:
        return config.vqa.test_part
    names = sorted(set(table["part"].to_pylist()))
    found = [name for name in names if name.startswith(_TEST_NAMES)]
    return found[0] if len(names) > 1 and len(found) == 1 else None


def _prove_apart(tables: dict[str, pa.Table]) -> None:
    seen: dict[str, str] = {}
    for name in PARTS:
        for image in set(tables[name]["image"].to_pylist()):
            if image in seen:
                raise ThawError(f"The picture {image} is in {seen[image]} and in {name}.")
            seen[image] = name
