"""The page of pictures, questions and answers of a finished arm."""

from pathlib import Path

import numpy as np

from tasks.config import PicturesCase
from tasks.errors import ThawError
from tasks.evaluation.conclusion import told
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored
from tasks.kinds.pictures.building import load_trained_answerer
from tasks.kinds.pictures.data.pictures import picture_to_ask
from tasks.kinds.pictures.picture_attention import look
from tasks.kinds.pictures.picture_page import choose_rows, picture_page
from tasks.kinds.pictures.questions import Asked, read_questions
from tasks.kinds.pictures.scores import QUESTION_ONLY

LOOKS = 6
"""Rows for which attention is drawn."""


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
