"""Prompts of the test part with what was to be written and what was."""

import pandas as pd

from tasks.evaluation.examples import Examples, ends, pick
from tasks.evaluation.wording import metric_title

BY = ("edit_similarity", "rouge_l", "chrf")
"""How near an answer is to what was to be written: the first that answers have."""


def writing_examples(answers: pd.DataFrame) -> Examples | None:
    """Answers as far as can be from what was to be written, then the nearest.

    Args:
        answers: a table of `completions.put_completions`.

    Returns:
        None where nothing was answered, or answers have no score.
    """
    by = next((name for name in BY if name in answers), None)
    if by is None or not (answers := answers[answers[by].notna()]).shape[0]:
        return None
    score, right = answers[by].to_numpy(dtype=float), None
    if "normalised_match" in answers:
        right = answers["normalised_match"].to_numpy(dtype=float) == 1
        rows = pick(-score, right)
        told = (
            f"{int((~right).sum()):,} of {len(answers):,} answers are not what was to be written. "
            "The furthest from it first, then some that are the same"
        )
    else:
        rows, told = ends(score), "The answers that are furthest from it first, then the nearest"
    title = metric_title(by)
    shown = answers.iloc[rows]
    names = {"asked": "prompt", "expected": "expected", "written": "generated", title: by}
    frame = pd.DataFrame({column: shown[name].tolist() for column, name in names.items()})
    return Examples(f"{told}, by {title}.", frame, None if right is None else right[rows])
