"""Which test rows are new to a standing champion: those that it neither learned from nor was
chosen by.

A recorded split keeps them apart (`splitting/recorded.py`). Where a lineage ends, by another seed,
say, the new test part holds rows that the champion was trained on, or their near duplicates, and it
would be judged by what it remembers.
"""

from pathlib import Path

import numpy as np
from mlflow.entities.model_registry import ModelVersion

from tasks.evaluation.outcomes import Outcome
from tasks.splitting.duplicates import find_near_duplicates, told_by
from tasks.storage import TableRef, put_table, stored_table
from tasks.training.building import read_spec

LEAST = 30
"""With fewer rows that neither saw, the standard error of a share is up to 9 points: nothing of
interest could be told."""
SEEN = "thaw.seen"


def seen_by(arm: Outcome) -> dict[str, str]:
    """The tag of a version that says which stored tables its sweep learned from and chose by."""
    if arm.folder is None:
        return {}
    spec = read_spec(Path(arm.folder))
    return {SEEN: " ".join(part.path.stem for part in (spec.train, spec.validation))}


def unseen_rows(
    standing: ModelVersion, test: TableRef, threshold: float | None = None, seed: int = 0
) -> np.ndarray | None:
    """bool (rows,): the test rows that are new to the champion; None where that is not known.

    It is not for versions of earlier releases, or where another store holds their tables.

    Args:
        standing: the champion.
        test: the test part.
        threshold: edit similarity from which a text counts as one that the champion saw; None
            where only the same text does.
        seed: of the search for such texts.
    """
    column = "image" if "image" in test.columns else "text"
    tables = [stored_table(name) for name in standing.tags.get(SEEN, "").split()]
    found = [table for table in tables if table is not None]
    if not found or len(found) < len(tables):
        return None
    seen = [text for table in found for text in table.read([column])[column]]
    asked = test.read([column])[column].tolist()
    new: np.ndarray = ~np.isin(told_by(asked), told_by(seen))
    if threshold is not None and column == "text":
        left, known = np.flatnonzero(new), list(dict.fromkeys(seen))
        texts = [asked[at] for at in left] + known
        part = np.repeat(["test", "seen"], [len(left), len(known)])
        pairs, _ = find_near_duplicates(texts, threshold, seed, part)
        new[left[np.unique(pairs[:, 0])]] = False  # the smaller place of a pair is the test row's
    return new


def only(test: TableRef, rows: np.ndarray) -> TableRef:
    """Some rows of the test part."""
    return put_table(test.read()[rows].reset_index(drop=True), f"rows of {test.origin}")


def on(outcome: Outcome, test: TableRef) -> Outcome:
    """An outcome whose predictions are of these test rows alone; its figures are not."""
    frame = outcome.test.read()
    kept = frame[frame["id"].isin(test.read(["id"])["id"])].reset_index(drop=True)
    return outcome.model_copy(update={"test": put_table(kept, f"rows of {outcome.test.origin}")})
