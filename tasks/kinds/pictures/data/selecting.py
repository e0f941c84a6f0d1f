"""Fewer questions: how many pictures, how many questions each, and how sure the annotators were."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tasks.errors import RequestError
from tasks.kinds.pictures.data.reading import LeftOut


def limit_rows(
    table: pa.Table,
    max_images: int | None,
    max_questions: int | None,
    seed: int,
    left_out: LeftOut,
) -> pa.Table:
    """A seeded choice of pictures, and of questions about each; rows stay in their order.

    Args:
        table: of `reading.SCHEMA` with `image`, the picture's key (`audit.with_image_keys`).
        max_images: at most so many pictures (none: all).
        max_questions: at most so many questions a picture (none: all).
        seed: of the choice.
        left_out: gets what went.
    """
    random = np.random.default_rng(seed)
    keys = table["image"].to_numpy(zero_copy_only=False)
    names, image = np.unique(keys, return_inverse=True)
    keep = np.ones(len(table), dtype=bool)
    if max_images is not None and max_images < len(names):
        chosen = random.permutation(len(names))[:max_images]
        keep &= np.isin(image, chosen)
    ids = table["question_id"].to_numpy()
    left_out.add("questions about pictures over the limit", ids[~keep])
    if max_questions is not None:
        over = keep & (_rank(image, random.random(len(image))) >= max_questions)
        left_out.add("questions over the limit of their picture", ids[over])
        keep &= ~over
    return table.filter(pa.array(keep))


def _rank(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The place of each value among those of its group, from 0."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return rank


def agreement(table: pa.Table) -> np.ndarray:
    """For each row the share of its annotators who gave the answer `answer`."""
    answers = table["answers"].combine_chunks()
    sizes = np.diff(answers.offsets.to_numpy())
    given = np.repeat(table["answer"].to_numpy(zero_copy_only=False), sizes)
    same = answers.flatten().to_numpy(zero_copy_only=False) == given
    row = np.repeat(np.arange(len(sizes)), sizes)
    return np.bincount(row, weights=same, minlength=len(sizes)) / sizes


def keep_agreed(train: pa.Table, least: float | None, left_out: LeftOut) -> pa.Table:
    """The training rows on whose answer enough annotators agree.

    Never for validation or test: questions on which people agree are the easy ones, and a score
    on those alone is too high (the chapter's second edition filters its test part).

    Args:
        train: of `reading.SCHEMA`; a row with one answer always agrees.
        least: share of annotators (the chapter: 0.5, then 0.9); none keeps all.
        left_out: gets what went.

    Raises:
        RequestError: nothing is left.
    """
    if least is None:
        return train
    keep = agreement(train) >= least - 1e-9
    if not keep.any():
        raise RequestError(
            f"On no training question {least:.0%} of the annotators agree: lower the threshold."
        )
    left_out.add(
        f"training questions on which fewer than {least:.0%} agree",
        train["question_id"].to_numpy()[~keep],
    )
    return train.filter(pa.array(keep))


@dataclass(frozen=True)
class Vocabulary:
    """The answers of a part, and how well they cover another.

    Attributes:
        answers: distinct answers.
        once: of these, given to one question only.
        top: the most frequent answers with their counts.
        types: answer type -> questions.
        covered_by_top: share of the questions whose answer is one of `top`.
        unseen: share of the other part's questions whose answer this part never has; None
            without another part.
    """

    answers: int
    once: int
    top: tuple[tuple[str, int], ...]
    types: dict[str, int]
    covered_by_top: float
    unseen: float | None


def vocabulary(train: pa.Table, other: pa.Table | None = None, top: int = 20) -> Vocabulary:
    """What there is to answer.

    Args:
        train: of `reading.SCHEMA`, with a row.
        other: a part whose answers should occur in `train`.
        top: answers to name.
    """
    counts = Counter(train["answer"].to_pylist())
    most = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top])
    unseen = None
    if other is not None and len(other):
        unseen = sum(answer not in counts for answer in other["answer"].to_pylist()) / len(other)
    return Vocabulary(
        answers=len(counts),
        once=sum(count == 1 for count in counts.values()),
        top=most,
        types=dict(Counter(train["answer_type"].to_pylist()).most_common()),
        covered_by_top=sum(count for _, count in most) / len(train),
        unseen=unseen,
    )
