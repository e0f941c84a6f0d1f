"""From a folder in the layout of VQA v2 to a stored table of questions, every picture looked at.

    found = ingest_pictures(config)
    found.questions       a row a question, `QUESTION_COLUMNS`
    found.pictures        a row a picture, see `audit.PictureAudit`

fetch or draw -> read as streams -> limit -> open every picture once -> store
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.config import PicturesCase
from tasks.errors import RequestError
from tasks.kinds.pictures.data.audit import PictureAudit, audit_pictures, with_image_ids
from tasks.kinds.pictures.data.reading import LeftOut, read_part
from tasks.kinds.pictures.data.selecting import limit_rows
from tasks.kinds.pictures.layout import VqaPart, find_parts
from tasks.kinds.pictures.scenes import scenes
from tasks.locks import locked
from tasks.network.unpacked import unpacked
from tasks.paths import store_dir
from tasks.storage import TableRef, put_table, table_digest
from tasks.wording import nearest

SCENES = "scenes"
# What the drawn files depend on besides their number.
_DRAWN_BY = ("annotators", "scene_drawing", "scene_questions", "scene_wording", "scene_world")


def data_folder(config: PicturesCase) -> Path:
    """The folder in the layout of VQA v2 that the case's data names.

    Raises:
        RequestError: it names something else than a folder or the sample.
    """
    data = config.data
    if data.sample is not None:
        if data.sample != SCENES:
            raise RequestError(
                f"No sample {data.sample!r} of pictures comes with Thaw"
                f"{nearest(data.sample, [SCENES])}: there is {SCENES}."
            )
        return drawn_scenes(config.vqa.scenes, config.vqa.scene_questions, config.split.seed)
    if data.archives:
        return unpacked(data.archives)
    if data.path is None:
        raise RequestError(
            f"{config.case} reads a folder with questions, annotations and pictures, and no "
            f"{'hub dataset' if data.hub else 'address of one file'}: fetch and unpack it, and "
            "name the folder with data.path=FOLDER, or give its archives with data.archives."
        )
    return data.path


def drawn_scenes(images: int, questions: int, seed: int) -> Path:
    """The sample in the store, drawn when it is first asked for (2,500 pictures: 6 seconds)."""
    sha = hashlib.sha256(f"{images} {questions} {seed}".encode())
    here = Path(scenes.__file__)
    for source in (here, *(here.with_name(f"{name}.py") for name in _DRAWN_BY)):
        sha.update(source.read_bytes())
    folder = store_dir() / "samples" / f"{SCENES}-{sha.hexdigest()[:16]}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            scenes.write_scenes(folder, images, questions, seed)
    return folder


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
