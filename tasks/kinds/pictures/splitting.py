"""Train, validation and test of questions about pictures: split by picture, then filtered.

Split by question, training would see the test's pictures with other questions (the chapter's
second edition does). So the picture is what goes into a part, with all its questions; and where
two given parts share pictures, as DAQUAR's do, they are divided anew or refused.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import PARTS, PicturesCase
from tasks.errors import RequestError
from tasks.kinds.pictures.data.ingest import QUESTION_COLUMNS, put_questions
from tasks.kinds.pictures.data.reading import LeftOut
from tasks.kinds.pictures.data.selecting import keep_agreed, vocabulary
from tasks.splitting.given import FREE
from tasks.splitting.parts import cut
from tasks.splitting.recorded import lineage_of
from tasks.splitting.report import SplitReport
from tasks.splitting.units import Units
from tasks.storage import TableRef

COLUMNS = tuple(name for name in QUESTION_COLUMNS if name not in ("row", "picture_fault"))
_TEST_NAMES = ("val", "test")
_IN_TEST = "in test"


class PictureSplitReport(SplitReport):
    """How the questions became parts, and what there is to answer."""

    shared: int
    """Pictures that the given parts share."""
    vocabulary: dict[str, Any]
    """Of the training answers (of the first fold), see `selecting.Vocabulary`."""
    unused: tuple[str, ...]
    """A line a reason, ids among it."""


def question_units(questions: pd.DataFrame) -> Units:
    """A picture's questions stay together; each part has its share of every type of answer.

    Args:
        questions: `row`, `image` (the key of the picture's content), `answer_type`, and whether
            each is in a given test part, where there is one.
    """
    given = questions.get(_IN_TEST)
    return Units(
        texts=questions["image"].tolist(),
        rows=questions["row"].to_numpy(),
        noun="picture",
        alike=False,
        strata=answer_types(questions),
        given=None if given is None else np.where(given, PARTS.index("test"), FREE),
    )


def answer_types(questions: pd.DataFrame) -> list[list[str]]:
    """The type of each question's answer, of which every part has its share."""
    return [[kind] for kind in questions["answer_type"]]


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
    rows = questions.read()
    rows = rows[rows["picture_fault"].isna()].reset_index(drop=True)
    in_test, shared, notes = given_test(rows, config)
    made = cut(
        rows if in_test is None else rows.assign(**{_IN_TEST: in_test}),
        question_units,
        config.split,
        lineage_of(config, *config.vqa.parts, config.vqa.test_part, config.vqa.shared_images),
    )
    table = pa.Table.from_pandas(rows, preserve_index=False)
    divided = []
    for parts in made.folds:
        tables = {name: table.take(pa.array(at)) for name, at in parts.items()}
        # `selecting` names questions by their number.
        numbers = pc.cast(tables["train"]["id"], pa.int64())
        tables["train"] = keep_agreed(
            tables["train"].append_column("question_id", numbers),
            config.vqa.consensus,
            LeftOut() if config.split.folds else left_out,
        )
        divided.append(tables)
    first = divided[0]
    report = PictureSplitReport(
        **made.report.model_dump(exclude={"notes", "parts"}),
        parts=tuple({name: len(some) for name, some in tables.items()} for tables in divided),
        notes=(*notes, *made.report.notes),
        shared=shared,
        vocabulary=dataclasses.asdict(vocabulary(first["train"], first["validation"])),
        unused=tuple(left_out.sentences()),
    )
    return [
        {
            name: put_questions(some.select(COLUMNS), questions.origin)
            for name, some in tables.items()
        }
        for tables in divided
    ], report


def given_test(
    rows: pd.DataFrame, config: PicturesCase
) -> tuple[np.ndarray | None, int, tuple[str, ...]]:
    """Which questions the data puts into the test part, unless it shares pictures with others.

    Returns:
        bool (rows,) or None where the part has to be cut; how many pictures are shared; notes.

    Raises:
        RequestError: no such part, one beside folds, or shared pictures where they are refused.
    """
    part, found = config.vqa.test_part, rows["part"]
    names = sorted(set(found))
    if config.split.folds is not None:
        if part is not None:
            raise RequestError(
                f"vqa.test_part={part} names the test part, and with split.folds every question "
                "is tested once: set one of the two to null."
            )
        return None, 0, ()
    if part is None:
        named = [name for name in names if name.startswith(_TEST_NAMES)]
        part = named[0] if len(names) > 1 and len(named) == 1 else None
    if part is None:
        return None, 0, ()
    in_test = (found == part).to_numpy()
    if not in_test.any() or in_test.all():
        raise RequestError(
            f"The part {part!r} cannot be the test part beside others: the questions are "
            f"of {', '.join(names)}."
        )
    both = set(rows["image"][in_test]) & set(rows["image"][~in_test])
    if not both:
        return in_test, 0, ()
    ids = np.unique(rows["image_id"][rows["image"].isin(both)])[:5]
    what = (
        f"{len(both)} pictures are in {part} and in the other parts too (image_id "
        f"{', '.join(map(str, ids))}{', …' if len(both) > 5 else ''})"
    )
    if config.vqa.shared_images == "refuse":
        raise RequestError(
            f"{what}, so that the test would ask about pictures seen in training: give parts that "
            "share none, or let them be divided anew by picture."
        )
    return None, len(both), (f"{what}: all questions were divided anew by picture.",)
