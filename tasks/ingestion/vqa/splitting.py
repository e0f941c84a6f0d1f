"""Three parts that share no picture.

Split by question, training would see the test's pictures with other questions (the chapter's
second edition does). So the picture is what goes into a part, with all its questions; and where
two given parts share pictures, as DAQUAR's do, they are divided anew or refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from tasks.errors import RequestError
from tasks.splitting.stratify import count_labels, divide

PARTS = ("train", "validation", "test")
SharedImages = Literal["resplit", "refuse"]


@dataclass(frozen=True)
class PictureSplit:
    """The parts, and how they came about.

    Attributes:
        tables: `train`, `validation`, `test`.
        images: part -> pictures.
        shared: pictures that the given parts share.
        notes: sentences for the report.
    """

    tables: dict[str, pa.Table]
    images: dict[str, int]
    shared: int
    notes: tuple[str, ...]


def split_by_image(
    table: pa.Table,
    validation: float,
    test: float,
    seed: int,
    shared_images: SharedImages = "resplit",
    test_part: str | None = None,
) -> PictureSplit:
    """Divide the questions so that no picture is in two parts.

    Pictures are dealt out so that each part has its share of the questions and of each answer
    type.

    Args:
        table: of `reading.SCHEMA` with `image`, one key a picture (`PictureAudit.usable`).
        validation: share of the questions; of those that are not test, where that is given.
        test: share of the questions, unless the part is given.
        seed: of the assignment.
        shared_images: what happens where `test_part` shares pictures with the others: all is
            divided anew by picture (`test` is then a share again), or refused.
        test_part: the given part that is the test part (`val2014`); none: cut one.

    Raises:
        RequestError: no such part, shared pictures where they are refused, or too few pictures.
    """
    notes: list[str] = []
    keys = table["image"].to_numpy(zero_copy_only=False)
    names, image = np.unique(keys, return_inverse=True)
    given = np.zeros(len(names), dtype=bool)
    shared = 0
    if test_part is not None:
        of_test = table["part"].to_numpy(zero_copy_only=False) == test_part
        if not of_test.any() or of_test.all():
            known = ", ".join(sorted(set(table["part"].to_pylist())))
            raise RequestError(
                f"The part {test_part!r} cannot be the test part beside others: the questions are "
                f"of {known}."
            )
        tested = np.bincount(image, weights=of_test) > 0
        both = tested & (np.bincount(image, weights=~of_test) > 0)
        shared = int(both.sum())
        if shared:
            notes.append(_shared(table, image, both, test_part, shared_images))
        else:
            given = tested
    division = np.full(len(names), PARTS.index("test"))
    shares = _shares(validation, test, cut_test=not given.any())
    free = np.flatnonzero(~given)
    if len(free) < len(shares):
        raise RequestError(
            f"{len(free)} pictures are too few for {len(shares)} parts that share none."
        )
    counts, sizes = _by_type(table, image)
    division[free] = divide(counts[free], sizes[free], shares, seed)
    return _split(table, image, division, shared, tuple(notes))


def fold_by_image(table: pa.Table, folds: int, validation: float, seed: int) -> list[PictureSplit]:
    """Cross-validation: every picture, with all its questions, is in one test part.

    Given parts are put together and divided anew. Folds have equal shares of the questions and of
    each answer type, as parts do in `split_by_image`.

    Args:
        table: as in `split_by_image`.
        folds: how many.
        validation: share of the questions that are not in the fold's test part.
        seed: of the assignment.

    Raises:
        RequestError: there are too few pictures.
    """
    keys = table["image"].to_numpy(zero_copy_only=False)
    names, image = np.unique(keys, return_inverse=True)
    if len(names) < folds:
        raise RequestError(f"{len(names)} pictures are too few for split.folds={folds}.")
    counts, sizes = _by_type(table, image)
    fold = divide(counts, sizes, [1 / folds] * folds, seed)
    splits = []
    for number in range(folds):
        division = np.full(len(names), PARTS.index("test"))
        free = np.flatnonzero(fold != number)
        division[free] = divide(counts[free], sizes[free], (1 - validation, validation), seed)
        splits.append(_split(table, image, division, 0, ()))
    return splits


def _by_type(table: pa.Table, image: np.ndarray) -> tuple[csr_array, np.ndarray]:
    """Questions of each picture: by answer type, and all."""
    counts, _ = count_labels([[kind] for kind in table["answer_type"].to_pylist()], image)
    return counts, np.bincount(image)


def _split(
    table: pa.Table, image: np.ndarray, division: np.ndarray, shared: int, notes: tuple[str, ...]
) -> PictureSplit:
    """The parts, given the part of each picture."""
    tables = {
        name: table.filter(pa.array(division[image] == number)) for number, name in enumerate(PARTS)
    }
    if empty := [name for name in PARTS if not len(tables[name])]:
        raise RequestError(
            f"{len(division)} pictures leave the part {empty[0]} empty: add pictures, or raise its "
            "share."
        )
    images = {name: int((division == number).sum()) for number, name in enumerate(PARTS)}
    return PictureSplit(tables, images, shared, notes)


def _shares(validation: float, test: float, cut_test: bool) -> Sequence[float]:
    return (1 - validation - test, validation, test) if cut_test else (1 - validation, validation)


def _shared(
    table: pa.Table, image: np.ndarray, both: np.ndarray, test_part: str, rule: SharedImages
) -> str:
    """The note on shared pictures, or the refusal."""
    rows = np.flatnonzero(both[image])
    ids = np.unique(table["image_id"].to_numpy()[rows])[:5]
    what = (
        f"{int(both.sum())} pictures are in {test_part} and in the other parts too (image_id "
        f"{', '.join(map(str, ids))}{', …' if both.sum() > 5 else ''})"
    )
    if rule == "refuse":
        raise RequestError(
            f"{what}, so that the test would ask about pictures seen in training: give parts that "
            "share none, or let them be divided anew by picture."
        )
    return f"{what}: all questions were divided anew by picture."
