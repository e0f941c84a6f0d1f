"""Which rows must not be divided: equal texts, near duplicates, groups, and chains of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tasks.config import PARTS, SplitConfig
from tasks.splitting.components import connected, connected_pairs, number_distinct
from tasks.splitting.dealing import shares
from tasks.splitting.duplicates import find_near_duplicates, fingerprints, told_by
from tasks.splitting.franchises import find_franchises
from tasks.splitting.repeats import latest
from tasks.splitting.units import Units


@dataclass(frozen=True)
class Texts:
    """The different texts of rows, numbered in an order that is theirs, not the rows'.

    Attributes:
        of_row: int (rows,): the number of each row's text.
        order: int (rows,): the rows in order of their texts' numbers, then of their own.
        starts: int (texts,): where in `order` each text begins.
    """

    of_row: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """int (texts,): the row of each text that comes first in the source."""
        return self.order[self.starts]


@dataclass(frozen=True)
class Ties:
    """What ties rows together.

    Attributes:
        unit: int (texts,): the unit of each text, from 0 without gaps.
        near_clusters: clusters of two or more texts that are nearly the same.
        near_texts: texts in these clusters.
        cut: a cluster was too large for one part, or recorded in several, so that texts of two
            units may be alike.
    """

    unit: np.ndarray
    cut: bool
    near_clusters: int
    near_texts: int


def marks_of(units: Units) -> tuple[np.ndarray, ...]:
    """What tells the rows' texts apart, arrays of (rows,) of which the last orders them first."""
    if units.alike:
        return told_by(units.texts), fingerprints(units.texts)
    return (np.unique(np.array(units.texts), return_inverse=True)[1],)


def number_texts(marks: Sequence[np.ndarray], rows: np.ndarray) -> Texts:
    """Number different texts.

    Args:
        marks: of `marks_of`.
        rows: int (rows,): the rows' numbers in their source.
    """
    order = np.lexsort((rows, *marks))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = np.any([mark[order[1:]] != mark[order[:-1]] for mark in marks], axis=0)
    of_row = np.empty(len(order), dtype=np.int64)
    of_row[order] = np.cumsum(is_first) - 1
    return Texts(of_row, order, np.flatnonzero(is_first))


def find_ties(
    units: Units, texts: Texts, among: np.ndarray, known: np.ndarray, config: SplitConfig
) -> Ties:
    """Find which texts belong together.

    Args:
        units: of all rows.
        texts: of the rows in question.
        among: int (rows,): their positions; where one row stands for a text, that one alone
            says its name.
        known: int (texts,): the recorded part of each, or -1.
        config: what counts as the same.
    """
    first = texts.first
    used = first if units.settled and config.drop_duplicates else texts.order
    cluster, cut = np.arange(len(first)), False
    if units.alike and config.near_duplicates is not None:
        different = [units.texts[at] for at in among[first]]
        pairs, similarity = find_near_duplicates(different, config.near_duplicates, config.seed)
        sizes = np.bincount(texts.of_row) if len(used) > len(first) else np.ones(len(first))
        wanted = shares(config, units.dealt)
        cluster, cut = clusters(pairs, similarity, sizes, wanted, known)
    cluster_sizes = np.bincount(cluster)
    # A text is tied to its near duplicates (a hub a cluster) and to its rows' groups.
    items, hubs = np.arange(len(first)), cluster
    if units.names is not None and config.group_by != "none":
        group = find_groups(
            config.group_by,
            [units.names[at] for at in among[used]],
            [units.texts[at] for at in among[used]],
        )
        items = np.concatenate([items, texts.of_row[used]])
        hubs = np.concatenate([hubs, group + len(cluster_sizes)])
    return Ties(
        unit=connected(len(first), items, hubs),
        cut=cut,
        near_clusters=int((cluster_sizes > 1).sum()),
        near_texts=int(cluster_sizes[cluster_sizes > 1].sum()),
    )


@dataclass(frozen=True)
class Around:
    """Ties between the rows that are left when none ties rows of two recorded parts.

    Attributes:
        standing: int (rows,): positions of these rows.
        texts, ties: theirs.
        fixed: int (units,): the recorded part of each unit, a position in `PARTS`, or -1.
        tying: new rows that were left out because they tie such rows.
        parted: recorded rows that were left out because they are known by now to belong to rows
            of another part: those of train before those of test.
    """

    standing: np.ndarray
    texts: Texts
    ties: Ties
    fixed: np.ndarray
    tying: int
    parted: int


def ties_around(
    units: Units,
    marks: Sequence[np.ndarray],
    standing: np.ndarray,
    known: np.ndarray,
    config: SplitConfig,
) -> Around:
    """Find what belongs together, and leave out what would tie a recorded part to another.

    Args:
        units: of all rows.
        marks: of `marks_of`.
        standing: int (rows,): positions of the rows in question.
        known: int (all rows,): the recorded part of each row's text, or -1.
        config: what counts as the same.
    """
    tying = parted = 0
    while True:
        texts = number_texts([mark[standing] for mark in marks], units.rows[standing])
        part = known[standing[texts.first]]
        ties = find_ties(units, texts, standing, part, config)
        count = int(ties.unit.max()) + 1
        # What is tied to a given part goes in any case.
        given = latest(ties.unit[texts.of_row], units.part[standing]) >= 0
        part = np.where(given[ties.unit], -1, part)
        highest = np.full(count, -1)
        np.maximum.at(highest, ties.unit, part)
        lowest = np.full(count, len(PARTS))
        np.minimum.at(lowest, ties.unit, np.where(part < 0, len(PARTS), part))
        torn = (highest >= 0) & (lowest < highest)
        out = torn[ties.unit] & (part < 0)
        settled = torn & (np.bincount(ties.unit, out, count) == 0)
        out |= settled[ties.unit] & (part < highest[ties.unit])
        # Recorded in a part whose rows the data names, and named so no longer.
        out |= ~np.isin(part, (-1, *units.dealt))
        if not out.any():
            return Around(standing, texts, ties, highest, tying, parted)
        leaving = out[texts.of_row]
        tying += int((known[standing[leaving]] < 0).sum())
        parted += int((known[standing[leaving]] >= 0).sum())
        standing = standing[~leaving]


def clusters(
    pairs: np.ndarray,
    similarity: np.ndarray,
    sizes: np.ndarray,
    wanted: Sequence[float],
    known: np.ndarray,
) -> tuple[np.ndarray, bool]:
    """Which texts are nearly the same; a cluster too large is cut at its weakest links.

    So is one whose texts are recorded in different parts. The most similar pairs are joined first,
    and none that would make a cluster larger than the smallest part, or of two parts.

    Args:
        pairs: int (pairs, 2) of near duplicates.
        similarity: float (pairs,).
        sizes: (texts,): rows of each.
        wanted: the share of the rows that each part should have.
        known: int (texts,): the recorded part of each, or -1.

    Returns:
        int (texts,): the cluster of each; and whether one was cut.
    """
    cluster = connected_pairs(len(sizes), pairs)
    rows = np.bincount(cluster, sizes)
    large = rows > max(wanted) * sizes.sum()
    places = np.unique(np.column_stack([cluster, known])[known >= 0], axis=0)
    torn = np.bincount(places[:, 0], minlength=len(rows)) > 1
    if not (large | torn).any():
        return cluster, False
    most = min(wanted) * sizes.sum()
    parent, held, part = list(range(len(sizes))), sizes.astype(float).tolist(), known.tolist()

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for at in np.argsort(-similarity, kind="stable"):
        one, other = (root(int(end)) for end in pairs[at])
        fits = not large[cluster[one]] or held[one] + held[other] <= most
        if one != other and fits and (min(part[one], part[other]) < 0 or part[one] == part[other]):
            parent[other] = one
            held[one] += held[other]
            part[one] = max(part[one], part[other])
    return number_distinct([root(at) for at in range(len(sizes))]), True


def find_groups(
    kind: Literal["franchise", "column"], values: Sequence[str | None], texts: Sequence[str]
) -> np.ndarray:
    """int (rows,): the number of each row's group, from 0.

    Args:
        kind: `split.group_by`.
        values: of `split.group_role`: titles, or names of groups. Under `column` a row without a
            value is a group of its own.
        texts: the rows' texts, which tell franchises apart.
    """
    if kind == "franchise":
        return find_franchises(values, texts)
    numbers, names = pd.Series(pd.array(list(values), dtype="str")).factorize()
    alone = numbers < 0
    numbers[alone] = len(names) + np.arange(alone.sum())
    return np.asarray(numbers, dtype=np.int64)
