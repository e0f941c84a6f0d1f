"""From a folder in the layout of VQA v2 to a stored table of questions, every picture looked at.

    found = ingest_pictures(config)
    found.questions       a row a question, `QUESTION_COLUMNS`
    found.pictures        a row a picture, see `audit.PictureAudit`

fetch or draw -> read as streams -> limit -> open every picture once -> store
"""

import os
from dataclasses import dataclass

import pyarrow as pa

from tasks.config import PicturesCase
from tasks.errors import RequestError
from tasks.kinds.pictures.data.audit import PictureAudit, audit_pictures, with_image_ids
from tasks.kinds.pictures.data.folders import data_folder
from tasks.kinds.pictures.data.reading import LeftOut, read_part
from tasks.kinds.pictures.data.selecting import limit_rows
from tasks.kinds.pictures.layout import VqaPart, find_parts
from tasks.storage import TableRef, put_table, table_digest

QUESTION_COLUMNS = (
    "row",
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
    "picture_fault",
)
"""`row` counts the questions as they were read, `id` is the question's, `image` the key of the
picture file's content, `path` where that lies, `picture_fault` why it cannot be used, if so."""
_MOST_WORKERS = 8


@dataclass(frozen=True)
class IngestedPictures:
    """What was read.

    Attributes:
        questions: all that can be used but for their picture; the digest does not depend on where
            the pictures lie.
        pictures: the audit's rows.
        left_out: questions that cannot be used, by reason.
        parts: names of the parts that were read.
    """

    questions: TableRef
    pictures: TableRef
    left_out: LeftOut
    parts: tuple[str, ...]

    @property
    def audit(self) -> PictureAudit:
        """What was found of the pictures."""
        return PictureAudit(self.pictures.read())


def ingest_pictures(config: PicturesCase) -> IngestedPictures:
    """Read the questions of all parts, and open each of their pictures once.

    Raises:
        RequestError: files, fields or ids that are wrong (named), or more pictures missing or
            damaged than `vqa.unusable_images` allows.
        ThawError: the store cannot be written.
    """
    vqa = config.vqa
    parts = find_parts(data_folder(config), vqa.parts)
    left_out = LeftOut()
    table = _read(parts, config, left_out)
    table = limit_rows(
        with_image_ids(table), vqa.max_images, vqa.max_questions, config.split.seed, left_out
    ).drop_columns("image")
    audit = audit_pictures(table, parts, min(os.cpu_count() or 1, _MOST_WORKERS))
    audit.usable(table, left_out, vqa.unusable_images)  # refuses too many that are not
    return IngestedPictures(
        questions=put_questions(_with_pictures(table, audit), config.data.source),
        pictures=put_table(audit.frame, f"pictures of {config.data.source}"),
        left_out=left_out,
        parts=tuple(part.name for part in parts),
    )


def put_questions(table: pa.Table, origin: str) -> TableRef:
    """Store questions under the digest of all but their pictures' places.

    The same questions about the same pictures are the same data, wherever the files lie.
    """
    stored = put_table(table, origin)
    return stored.model_copy(update={"digest": table_digest(table.drop_columns("path"))})


def _read(parts: list[VqaPart], config: PicturesCase, left_out: LeftOut) -> pa.Table:
    tables = []
    part_of: dict[int, str] = {}
    for part in parts:
        table, without = read_part(part, config.vqa.on_unmatched)
        left_out.take_over(without)
        for question_id in table["question_id"].to_pylist():
            if question_id in part_of:
                raise RequestError(
                    f"The question_id {question_id} is in {part_of[question_id]} and in "
                    f"{part.name}: every question needs an id of its own, or name one part with "
                    f"vqa.parts=[{part.name}]."
                )
            part_of[question_id] = part.name
        tables.append(table)
    return pa.concat_tables(tables)


def _with_pictures(table: pa.Table, audit: PictureAudit) -> pa.Table:
    """The table in the form of `QUESTION_COLUMNS`."""
    facts = audit.frame[["part", "image_id", "digest", "path", "fault"]]
    keys = table.select(["part", "image_id"]).to_pandas()
    found = keys.merge(facts, on=["part", "image_id"], how="left", validate="many_to_one")
    # The same file under two names is one picture, and lies in one place.
    places = audit.frame.drop_duplicates("digest").set_index("digest")["path"]
    usable = found["fault"].isna()
    paths = found["digest"].map(places).where(usable, found["path"])
    made = {
        "row": pa.array(range(1, len(table) + 1), pa.int64()),
        "id": table["question_id"].cast(pa.string()),
        "image": pa.array(found["digest"].str[:32], pa.string(), from_pandas=True),
        "path": pa.array(list(paths), pa.string()),
        "picture_fault": pa.array(found["fault"], pa.string(), from_pandas=True),
    }
    return pa.table(
        {name: made[name] if name in made else table[name] for name in QUESTION_COLUMNS}
    )
