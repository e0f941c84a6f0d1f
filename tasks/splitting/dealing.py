"""Units dealt into train, validation and test, or into folds that are each the test part once.

Units with strata go where they are needed most (`stratify.py`); units without are taken in a
seeded order as long as they fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from tasks.config import PARTS, Part, SplitConfig
from tasks.errors import RequestError
from tasks.splitting.stratify import count_labels, divide, divide_by_size, place_rare_labels

LEAST_OF_REQUEST = 0.5  # a part with less than this of the rows asked for is no such part
_VALIDATION, _TEST = PARTS.index("validation"), PARTS.index("test")


@dataclass(frozen=True)
class Hand:
    """The units to be dealt.

    Attributes:
        unit: int (rows,): the unit of each row.
        sizes: int (units,): rows of each.
        counts: int (units, labels) of `count_labels`; None where there are no strata.
        first: int (units,): the position of each unit's first row.
        given: int (units,): the part that the data puts each into, a position in `PARTS`, or -1.
        noun: what rows are told by.
        fixed: int (units,): the part that each had when the split was recorded, or -1.
        dealt: the parts that are dealt from the units that are given none, see `Units.dealt`.
    """

    unit: np.ndarray
    sizes: np.ndarray
    counts: csr_array | None
    first: np.ndarray
    given: np.ndarray
    noun: str
    fixed: np.ndarray
    dealt: tuple[int, ...] = tuple(range(len(PARTS)))


def deal(hand: Hand, config: SplitConfig) -> tuple[np.ndarray, ...]:
    """The part of each unit, a position in `PARTS`: int (units,), for the split or for each fold.

    Raises:
        RequestError: there are fewer units than parts or folds.
    """
    free = hand.given < 0
    wanted = shares(config, hand.dealt)
    _require_units(int(free.sum()), hand.noun, len(wanted), config.folds)
    if config.folds is not None:
        fold = deal_folds(hand, config.folds, config.seed)
        return tuple(_beside(hand, fold == number, config) for number in range(config.folds))
    division = hand.given.copy()
    if len(hand.dealt) == 1:
        division[free] = hand.dealt[0]
    elif hand.counts is not None:
        place = np.full(len(PARTS) + 1, -1)  # of a part among those that are dealt; -1 stays -1
        place[list(hand.dealt)] = np.arange(len(hand.dealt))
        found = _by_strata(
            hand.counts[free], hand.sizes[free], wanted, config.seed, place[hand.fixed[free]]
        )
        division[free] = np.array(hand.dealt)[found]
    else:
        tested = hand.given == _TEST
        if _TEST in hand.dealt:
            tested = in_order(hand.sizes, free, config.test, config.seed, hand.fixed, "test")
        division = _beside(hand, tested, config)
    return (division,)


def shares(config: SplitConfig, dealt: Sequence[int]) -> tuple[float, ...]:
    """What each part that has to be cut should have of the rows that are free to be dealt.

    Args:
        config: the shares.
        dealt: those parts, positions in `PARTS`; the test part of folds is cut before.
    """
    asked = {"validation": config.validation, "test": config.test}
    if config.folds is not None:
        return (1 - config.validation, config.validation)
    cut = [asked[PARTS[part]] for part in dealt if part]
    return (1 - sum(cut), *cut)


def in_order(
    sizes: np.ndarray,
    among: np.ndarray,
    share: float,
    seed: int,
    fixed: np.ndarray,
    part: Part,
) -> np.ndarray:
    """A seeded choice of units that come to a share of the rows.

    Args:
        sizes: int (units,): rows of each.
        among: bool (units,): those to choose from.
        share: of their rows; at least one row.
        seed: of the order in which they are taken.
        fixed: int (units,): the part that a unit has already, or -1.
        part: that is chosen.

    Returns:
        bool (units,). A unit that would overshoot is passed over.
    """
    wanted = max(1, round(share * int(sizes[among].sum())))
    chosen = among & (fixed == PARTS.index(part))
    taken = int(sizes[chosen].sum())
    for unit in np.random.default_rng(seed).permutation(np.flatnonzero(among & (fixed < 0))):
        if taken + sizes[unit] <= wanted:
            chosen[unit] = True
            taken += int(sizes[unit])
    return chosen


def _by_strata(
    counts: csr_array, sizes: np.ndarray, wanted: tuple[float, ...], seed: int, fixed: np.ndarray
) -> np.ndarray:
    """By labels where that leaves each part its rows, else by size alone."""
    division = divide(counts, sizes, wanted, seed, fixed)
    if _is_short(division, sizes, wanted):
        return divide_by_size(sizes, wanted, fixed)
    placed = division.copy()
    place_rare_labels(placed, counts, fixed)
    return division if _is_short(placed, sizes, wanted) else placed


def _is_short(division: np.ndarray, sizes: np.ndarray, wanted: Sequence[float]) -> bool:
    """Whether a part has much less than was asked for."""
    rows = np.bincount(division, sizes, len(wanted))
    return bool((rows / (np.array(wanted) * sizes.sum())).min() < LEAST_OF_REQUEST)


def _beside(hand: Hand, tested: np.ndarray, config: SplitConfig) -> np.ndarray:
    """Train and validation beside a test part."""
    division = np.where(tested, _TEST, hand.given)
    rest = division < 0
    share = config.validation
    if hand.counts is not None:
        division[rest] = divide(
            hand.counts[rest], hand.sizes[rest], (1 - share, share), config.seed
        )
        return division
    if _TEST in hand.dealt and config.folds is None:  # a share of all rows
        share /= 1 - config.test
    # The seed that cut the test part would take the same places of the rest again.
    chosen = np.zeros(len(rest), dtype=bool)
    if _VALIDATION in hand.dealt:
        chosen = in_order(hand.sizes, rest, share, config.seed + 1, hand.fixed, "validation")
    division[rest] = PARTS.index("train")
    division[chosen] = _VALIDATION
    return division


def deal_folds(hand: Hand, count: int, seed: int) -> np.ndarray:
    """The fold of each unit, 0 to count - 1.

    Without strata they are dealt in a seeded order, larger ones first, each to the fold that has
    the fewest rows; so sizes differ by no more than the largest unit.
    """
    if hand.counts is not None:
        return divide(hand.counts, hand.sizes, [1 / count] * count, seed)
    fold = np.empty(len(hand.sizes), dtype=np.int64)
    dealt = np.random.default_rng(seed).permutation(np.argsort(hand.first, kind="stable"))
    held = np.zeros(count, dtype=np.int64)
    for unit in dealt[np.argsort(-hand.sizes[dealt], kind="stable")]:
        fold[unit] = held.argmin()
        held[fold[unit]] += hand.sizes[unit]
    return fold


def _require_units(free: int, noun: str, parts: int, folds: int | None) -> None:
    if folds is not None and free < folds:
        raise RequestError(
            f"{folds} folds need as many different {noun}s, and the data has {free}: "
            "give fewer folds or more data."
        )
    if free < parts:
        raise RequestError(f"{free} {noun}s are too few for {parts} parts that share none.")


def rows_over_limit(
    part: np.ndarray,
    strata: Sequence[Sequence[str]] | None,
    limits: Mapping[Part, int],
    seed: int,
) -> np.ndarray:
    """bool (rows,): rows to leave out so that each part has at most its number of rows.

    What stays has the labels in the shares that the whole part has them.

    Args:
        part: the part of each row.
        strata: the labels of each row; without them the sample is of all alike.
        limits: part -> rows.
        seed: of the sample.
    """
    over = np.zeros(len(part), dtype=bool)
    for name, limit in limits.items():
        rows = np.flatnonzero(part == name)
        if limit < len(rows):
            if strata is None:
                stay = np.random.default_rng(seed).choice(len(rows), limit, replace=False)
            else:
                stay = _sample([strata[row] for row in rows.tolist()], limit, seed)
            over[rows] = True
            over[rows[stay]] = False
    return over


def _sample(labels: Sequence[Sequence[str]], size: int, seed: int) -> np.ndarray:
    """`size` positions, stratified by label."""
    each = np.arange(len(labels))
    counts, _ = count_labels(labels, each)
    share = size / len(labels)
    chosen = divide(counts, np.ones(len(labels), dtype=np.int64), (share, 1 - share), seed) == 0
    # Stratified counts come in whole rows, so their sum may be a few off the size asked for.
    shuffled = np.random.default_rng(seed).permutation(each)
    missing = size - int(chosen.sum())
    spare = shuffled[chosen[shuffled] == (missing < 0)][: abs(missing)]
    chosen[spare] = missing > 0
    return np.flatnonzero(chosen)
