"""A page of pictures, questions and answers: what a model that looks at pictures gets right.

page = picture_page(scored.frame, paths, "Questions about pictures: encoders, seed 42")
tracker.log_text(run_id, page, "pictures.html")
"""

import io
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.evaluation.calibration import bins_of
from tasks.evaluation.calibration_plot import calibration_panels
from tasks.evaluation.pages import data_address, drawing, page_template
from tasks.evaluation.scored import SCORE
from tasks.evaluation.wording import figure
from tasks.kinds.pictures.answer_confidence import calibrated
from tasks.kinds.pictures.data.pictures import PictureError, read_picture
from tasks.kinds.pictures.picture_attention import Look

ROWS = 60
RIGHT = 0.5
"""VQA accuracy from which a row stands among the right ones: two of ten annotators agree."""
_THUMBNAIL = 224  # pixels of the longer side
ACCURACY = f"{SCORE}vqa_accuracy"
_Fields = dict[Hashable, Any]


@dataclass(frozen=True)
class _Row:
    picture: str | None
    question: str
    answer: str
    confidence: float
    truth: str
    said: str
    accuracy: float


def picture_page(
    frame: pd.DataFrame,
    images: Mapping[str, Path],
    title: str,
    temperature: float = 1.0,
    looks: Sequence[Look] = (),
    rows: int = ROWS,
) -> str:
    """One HTML page that loads nothing: pictures are inside it.

    Args:
        frame: a row a test question, as `scored.put_scored` stores them, with the columns `id`,
            `image` (a key of `images`), `question`, `answer_type`, `given` (the model's answer),
            `confidence` (calibrated), `truth`, `score:vqa_accuracy`, and maybe `answers`
            (what each annotator said).
        images: where each picture lies; one that cannot be read is left out of its row.
        title: the page's heading.
        temperature: of the confidences, by which what they were before is drawn beside them.
        looks: of `picture_attention.look`, for a few rows.
        rows: at most so many, as many right as wrong of each answer type where there are enough.
    """
    chosen = choose_rows(frame, rows)
    groups = [
        (f"{kind}: {'right' if right else 'wrong'}", [_row(each, images) for each in found])
        for (kind, right), found in _grouped(chosen)
    ]
    score = frame[ACCURACY].mean()
    return page_template(Path(__file__).with_name("pictures.html.j2")).render(
        title=title,
        about=f"{len(chosen):,} of {len(frame):,} test questions; VQA accuracy of all: "
        f"{figure(score)}",
        groups=groups,
        calibration=drawing(_calibration(frame, temperature)),
        looks=[(each, data_address(each.picture), data_address(each.overlay)) for each in looks],
        right=RIGHT,
    )


def choose_rows(frame: pd.DataFrame, rows: int = ROWS) -> pd.DataFrame:
    """The rows that are shown: of each answer type as many right as wrong, where there are enough.

    Within such a group they are spread over the confidence, so that sure mistakes are among them.
    What a small group leaves free goes to the others. The same frame gives the same rows.

    Args:
        frame: see `picture_page`.
        rows: at most so many.

    Returns:
        Some of the frame's rows, by answer type, the right ones first, the surest first.
    """
    cells = dict(_cells(frame))
    shares = _shares([len(cell) for cell in cells.values()], rows)
    taken = []
    for cell, share in zip(cells.values(), shares, strict=True):
        order = cell.sort_values(["confidence", "id"], ascending=[False, True])
        places = np.unique(np.linspace(0, len(order) - 1, share).round().astype(int))
        taken.append(order.iloc[places])
    return pd.concat(taken)


def _cells(frame: pd.DataFrame) -> list[tuple[tuple[str, bool], pd.DataFrame]]:
    right = frame[ACCURACY] >= RIGHT
    kinds = sorted(frame["answer_type"].unique())
    split = [
        ((kind, good), frame[(frame["answer_type"] == kind) & (right == good)])
        for kind in kinds
        for good in (True, False)
    ]
    return [(name, cell) for name, cell in split if len(cell)]


def _grouped(chosen: pd.DataFrame) -> list[tuple[tuple[str, bool], list[_Fields]]]:
    return [(name, cell.to_dict("records")) for name, cell in _cells(chosen)]


def _shares(sizes: Sequence[int], rows: int) -> list[int]:
    """`rows` handed out one after another to all that have any left."""
    shares = [0] * len(sizes)
    left = min(rows, sum(sizes))
    while left:
        for place, size in enumerate(sizes):
            if left and shares[place] < size:
                shares[place] += 1
                left -= 1
    return shares


def _row(row: _Fields, images: Mapping[str, Path]) -> _Row:
    answers = row.get("answers")
    return _Row(
        picture=thumbnail(images.get(str(row["image"]))),
        question=str(row["question"]),
        answer=str(row["given"]),
        confidence=float(row["confidence"]),
        truth=str(row["truth"]),
        said=_counted(answers) if isinstance(answers, list | tuple | np.ndarray) else "",
        accuracy=float(row[ACCURACY]),
    )


def _counted(answers: Sequence[str] | np.ndarray) -> str:
    """`red 7, dark red 3`."""
    counts = pd.Series(list(answers)).value_counts(sort=True)
    return ", ".join(f"{answer} {count}" for answer, count in counts.items())


def thumbnail(path: Path | None, side: int = _THUMBNAIL) -> str | None:
    """A small JPEG inside an address; None where there is no picture.

    Args:
        path: of the picture.
        side: pixels of the longer one.
    """
    if path is None:
        return None
    try:
        picture = read_picture(path, side).image
    except PictureError:  # what is shown is not worth a run that went well
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return data_address(buffer.getvalue(), "jpeg")


def _calibration(frame: pd.DataFrame, temperature: float) -> bytes:
    """How right answers are over how sure the model was: as trained, and calibrated."""
    sure, right = frame["confidence"].to_numpy(float), frame[ACCURACY].to_numpy(float)
    before = np.array([calibrated(each, 1 / temperature) for each in sure])
    panels = {
        "Product of the tokens' probabilities": bins_of(before, right),
        f"Its log-odds divided by {figure(temperature, 2)}": bins_of(sure, right),
    }
    if temperature == 1.0:
        panels.popitem()
    return calibration_panels(panels, "Answers on test", measure="mean VQA accuracy")
