"""The page of pictures, questions and answers of a finished arm."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.config import PicturesCase
from tasks.errors import ThawError
from tasks.evaluation.conclusion import told
from tasks.evaluation.examples import Examples, pick
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored
from tasks.kinds.kind import folder_of
from tasks.kinds.pictures.building import load_trained_answerer
from tasks.kinds.pictures.data.pictures import picture_to_ask
from tasks.kinds.pictures.picture_attention import look
from tasks.kinds.pictures.picture_page import (
    ACCURACY,
    RIGHT,
    choose_rows,
    picture_page,
    thumbnail,
)
from tasks.kinds.pictures.questions import Asked, read_questions
from tasks.kinds.pictures.scores import QUESTION_ONLY
from tasks.training.building import read_spec

LOOKS = 6
"""Rows for which attention is drawn."""
SMALL = 96
"""Pixels of a picture's longer side, beside an example."""


def pictures_of(best: Outcome, config: PicturesCase) -> str:
    """One HTML page: test questions with their pictures, answers, confidences and truths.

    Args:
        best: a finished arm.
        config: its case.
    """
    if best.folder is None:
        raise ThawError(f"{best.name} is no trained arm, so it has no pictures to show.")
    folder = Path(best.folder)
    spec, model, processor = load_trained_answerer(folder)
    asked = read_questions(spec)
    places = _places(asked)
    frame = read_scored(best.test).frame
    few = choose_rows(frame, LOOKS)
    looks = look(
        model,
        processor,
        few["question"].tolist(),
        [picture_to_ask(places[image]) for image in few["image"]],
        few["given"].tolist(),
    )
    title = f"{config.case}: {config.title}; {best.name}, seed {best.seed}"
    return picture_page(frame, places, title, best.temperature, looks)


def examples_of(best: Outcome) -> Examples:
    """The surest mistakes and the surest right answers of a finished arm, with their pictures."""
    frame = read_scored(best.test).frame
    sureness, right = frame["confidence"].to_numpy(float), frame[ACCURACY].to_numpy(float) >= RIGHT
    rows = pick(sureness, right)
    shown = frame.iloc[rows]
    names = {"question": "question", "most said": "truth", "answer": "given"}
    names |= {"confidence": "confidence", "VQA accuracy": ACCURACY}
    places = _places(read_questions(read_spec(folder_of(best))))
    return Examples(
        f"{int((~right).sum()):,} of {len(right):,} test questions are answered wrongly (fewer "
        "than two annotators in ten agree). The surest mistakes first, then the surest right "
        "answers.",
        pd.DataFrame({title: shown[name].tolist() for title, name in names.items()}),
        right[rows],
        [thumbnail(places.get(str(image)), SMALL) for image in shown["image"]],
    )


def _places(asked: Asked) -> dict[str, Path]:
    """Where the test part's pictures lie, by key."""
    of_test = np.unique(asked.parts["test"].pictures)
    return {asked.pictures[place]: asked.paths[place] for place in of_test}


def told_of_looking(comparison: Comparison) -> Comparison:
    """The comparison with a line on whether answers come from the pictures at all.

    The best arm is held against itself without them, where that was trained.
    """
    if QUESTION_ONLY not in [entry.name for entry in comparison.baselines]:
        return comparison
    gap = comparison.difference(comparison.best, QUESTION_ONLY)
    said = {
        "better": "It uses the pictures: without them it answers worse",
        "worse": "It does not use the pictures: the same arm trained without them answers better",
        "even": "It is not shown to use the pictures: the same arm trained without them cannot be "
        "told apart from it",
    }
    if gap.verdict not in said:
        return comparison
    line = f"{said[gap.verdict]} ({told(gap)})."
    return comparison.model_copy(update={"conclusion": f"{comparison.conclusion}\n- {line}"})
