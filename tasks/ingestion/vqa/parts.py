"""Train, validation and test of questions about pictures: split by picture, then filtered.

parts, report = split_questions(found.questions, config, left_out)
"""

import dataclasses
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from tasks.config import PicturesCase
from tasks.errors import RequestError, ThawError
from tasks.ingestion.vqa.ingest import QUESTION_COLUMNS, put_questions
from tasks.ingestion.vqa.reading import LeftOut
from tasks.ingestion.vqa.selecting import keep_agreed, vocabulary
from tasks.ingestion.vqa.splitting import PARTS, PictureSplit, fold_by_image, split_by_image
from tasks.storage import TableRef

COLUMNS = tuple(name for name in QUESTION_COLUMNS if name not in ("row", "picture_fault"))
_TEST_NAMES = ("val", "test")


class PictureSplitReport(BaseModel):
    """How the questions became three parts.

    Attributes:
        questions, images: part -> how many, for the split or for each fold.
        shared: pictures that the given parts share.
        vocabulary: of the training answers (of the first fold), see `selecting.Vocabulary`.
        notes: sentences.
        left_out: a line a reason, ids among it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: tuple[dict[str, int], ...]
    images: tuple[dict[str, int], ...]
    shared: int
    vocabulary: dict[str, Any]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def split_questions(
    questions: TableRef, config: PicturesCase, left_out: LeftOut
) -> tuple[list[dict[str, TableRef]], PictureSplitReport]:
    """Divide what can be used so that no picture is in two parts; filter training by agreement.

    Args:
        questions: of `ingest.QUESTION_COLUMNS`.
        config: shares, folds, the test part, `vqa.shared_images` and `vqa.consensus`.
        left_out: what was left out before; gets the training questions without agreement, but for
            folds, which each train on others.

    Returns:
        `train`, `validation` and `test` of the one split, or of each fold; and the report.

    Raises:
        RequestError: shared pictures where they are refused, too few pictures, no training
            question on which enough annotators agree, or a given test part beside folds.
        ThawError: a picture is in two parts after all.
    """
    table = pa.Table.from_pandas(questions.read(), preserve_index=False)
    table = table.filter(pc.is_null(table["picture_fault"]))
    splits = _splits(table, config)
    divided = []
    for split in splits:
        tables = dict(split.tables)
        # `selecting` names questions by their number.
        numbered = tables["train"].append_column(
            "question_id", pc.cast(tables["train"]["id"], pa.int64())
        )
        counted = LeftOut() if config.split.folds else left_out
        tables["train"] = keep_agreed(numbered, config.vqa.consensus, counted)
        _prove_apart(tables)
        divided.append(tables)
    first = divided[0]
    report = PictureSplitReport(
        questions=tuple({name: len(tables[name]) for name in PARTS} for tables in divided),
        images=tuple(split.images for split in splits),
        shared=splits[0].shared,
        vocabulary=dataclasses.asdict(vocabulary(first["train"], first["validation"])),
        notes=splits[0].notes,
        left_out=tuple(left_out.sentences()),
    )
    stored = [
        {name: put_questions(tables[name].select(COLUMNS), questions.origin) for name in PARTS}
        for tables in divided
    ]
    return stored, report


def _splits(table: pa.Table, config: PicturesCase) -> list[PictureSplit]:
    """The one split, or that of each fold."""
    split = config.split
    if split.folds is not None:
        if config.vqa.test_part is not None:
            raise RequestError(
                f"vqa.test_part={config.vqa.test_part} names the test part, and with split.folds "
                "every question is tested once: set one of the two to null."
            )
        return [*fold_by_image(table, split.folds, split.validation, split.seed)]
    return [
        split_by_image(
            table,
            split.validation,
            split.test,
            split.seed,
            config.vqa.shared_images,
            _test_part(table, config),
        )
    ]


def _test_part(table: pa.Table, config: PicturesCase) -> str | None:
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
