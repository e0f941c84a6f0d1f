"""Whether a difference of two entries is one: their answers swapped, unit by unit, at random.

Were two arms equally good, it would be chance which of them gave which answer to a row. So the two
answers to each independent unit (a row; all rows of one franchise, query or picture) are swapped or
not by a coin, for all seeds together, and the metric of both is taken anew; p is the share of such
swaps, the measured pairing among them, that put the two at least as far apart as they are (Fisher
1935, "The Design of Experiments"; Phipson and Smyth 2010, "Permutation p-values should never be
zero"). For shares of rows that are right or wrong this is McNemar's exact test, and its p is then
taken from the binomial distribution. Of rankings the ranks are swapped, since two models' scores
may have different scales (`Crossed`). Where a ranking rests on very many rows, and of how varied
answers are, what each row bears of the figure is swapped (`Curve.contributions`): that is quick,
but with few rows of a class too ready with verdicts.

p is corrected for all pairs of entries on the same metric by Holm's method (Holm 1979, "A simple
sequentially rejective multiple test procedure"): the chance that a table of equal arms names any
better or worse one is at most 1 - confidence, however the comparisons hang together.

Every metric is a function of sums over rows, so a block of coins costs one matrix product an
outcome, and each pair only what its sums come to.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binomtest

from tasks.evaluation.aligned import Aligned, partners
from tasks.evaluation.weighted_part import Linear
from tasks.evaluation.weighted_rankings import Crossed, Ranked

_FIRST = 200  # swaps after which a pair that is far from any difference is left alone
_ENOUGH = 20  # swaps as far apart as measured that settle it: p is then about 0.1 or more
_CELLS = 4_000_000  # numbers that the sums of an entry under one block of coins may hold
_MANY = 1_000  # rows of the rarer class from which on what each row bears is as good as its rank
_TIE = 1e-12  # equal figures, computed in another order

ByRow = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class _Swapped:
    """One outcome: its metrics as functions of sums over units.

    Attributes:
        seed: of the arm.
        parts: the metrics, by the names that a part gives.
        sums: of each part: (sums, units).
        by_row: see `Figures.by_row`.
        ranked: its rankings, where ranks are swapped.
    """

    seed: int | None
    parts: dict[frozenset[str], Linear]
    sums: dict[frozenset[str], np.ndarray]
    by_row: ByRow
    ranked: list[Ranked]

    @cached_property
    def totals(self) -> dict[frozenset[str], np.ndarray]:
        """The sums over all units, each (sums, 1)."""
        return {names: sums.sum(1, keepdims=True) for names, sums in self.sums.items()}

    def under(self, coins: np.ndarray) -> dict[frozenset[str], np.ndarray]:
        """The sums over the units whose coin is 1, each (sums, swaps)."""
        return {names: sums @ coins for names, sums in self.sums.items()}


@dataclass
class _Pair:
    """Two entries under test: who is compared, how far apart they are, and what swaps have said."""

    seeds: list[tuple[_Swapped, _Swapped]]
    crossed: list[list[Crossed]]
    measured: np.ndarray
    p: np.ndarray
    further: np.ndarray
    swaps: int = 0

    @property
    def settled(self) -> bool:
        """Whether more swaps would say nothing more."""
        waits = np.isnan(self.p) & ~np.isnan(self.measured)
        enough = self.swaps >= _FIRST and bool((self.further[waits] >= _ENOUGH).all())
        return not waits.any() or enough


def swap_tests(
    aligned: Aligned, pairs: Sequence[tuple[str, str]], least: int, level: float, seed: int
) -> np.ndarray:
    """p of each pair of entries on each metric, not corrected: (pairs, metrics).

    Args:
        aligned: the entries' tables.
        pairs: names of two entries each.
        least: swaps of each pair at least; more where the correction needs a smaller p.
        level: at which differences are called real.
        seed: of the coins, which are the same for every pair.
    """
    metrics = aligned.measures.metrics
    entries = {name: _swapped(aligned, name) for name in aligned.entries}
    tests = [
        _opened(partners(entries[first], entries[second]), aligned, metrics)
        for first, second in pairs
    ]
    generator = np.random.default_rng([seed, 1])
    swaps = max(least, math.ceil(2 * len(pairs) / level))
    outcomes = [each for seeds in entries.values() for each in seeds]
    widest = max(len(sums) for each in outcomes for sums in each.sums.values())
    step, done = max(1, _CELLS // max(widest, aligned.units)), 0
    while done < swaps and not all(test.settled for test in tests):
        size = min(step, (_FIRST if done < _FIRST else swaps) - done)
        coins = generator.integers(0, 2, (aligned.units, size)).astype(np.float64)
        kept = aligned.of_units(coins)
        waiting = [test for test in tests if not test.settled]
        sums = {
            id(each): each.under(coins)
            for each in {
                id(one): one for test in waiting for two in test.seeds for one in two
            }.values()
        }
        for test in waiting:
            apart = np.abs(_apart(test.seeds, test.crossed, sums, kept, metrics))
            test.further += (apart >= test.measured[:, None] - _TIE).sum(1)
            test.swaps += size
        done += size
    for test in tests:
        waits = np.isnan(test.p) & ~np.isnan(test.measured)
        test.p[waits] = (test.further[waits] + 1) / (test.swaps + 1)
    return np.array([test.p for test in tests]).reshape(len(pairs), len(metrics))


def _swapped(aligned: Aligned, name: str) -> list[_Swapped]:
    found = []
    for tested in aligned.entries[name]:
        figures = aligned.figures(tested)
        parts = {frozenset(part.of(part.sums[:, :1])): part for part in figures.linear()}
        sums = {names: aligned.by_unit(part.sums) for names, part in parts.items()}
        ranked = [each for each in figures.ranked() if each.bears < _MANY]
        found.append(_Swapped(tested.seed, parts, sums, figures.by_row(), ranked))
    return found


def _opened(
    seeds: list[tuple[_Swapped, _Swapped]], aligned: Aligned, metrics: Sequence[str]
) -> _Pair:
    exact = _exact(aligned, seeds)
    one = np.ones((aligned.units, 1))
    sums = {id(each): each.under(one) for both in seeds for each in both}
    crossed = [
        [Crossed(*both) for both in zip(one.ranked, two.ranked, strict=True)] for one, two in seeds
    ]
    kept = np.ones((aligned.rows, 1))
    return _Pair(
        seeds=seeds,
        crossed=crossed,
        measured=np.abs(_apart(seeds, crossed, sums, kept, metrics)[:, 0]),
        p=np.array([exact.get(metric, np.nan) for metric in metrics]),
        further=np.zeros(len(metrics)),
    )


def _apart(
    seeds: Sequence[tuple[_Swapped, _Swapped]],
    crossed: Sequence[Sequence[Crossed]],
    sums: Mapping[int, dict[frozenset[str], np.ndarray]],
    kept: np.ndarray,
    metrics: Sequence[str],
) -> np.ndarray:
    """How far two entries lie apart under each swap, averaged over seeds: (metrics, swaps).

    Args:
        seeds: the outcomes that are compared.
        crossed: of each two, their rankings.
        sums: of each outcome (by `id`), over the units that are not swapped.
        kept: (rows, swaps) of 1 for rows that are not swapped.
        metrics: names.
    """
    gaps = []
    for (first, second), rankings in zip(seeds, crossed, strict=True):
        figures: dict[str, np.ndarray] = {}
        for names in first.parts.keys() & second.parts.keys():
            moved = sums[id(first)][names] - sums[id(second)][names]
            here = first.parts[names].of(second.totals[names] + moved)
            there = second.parts[names].of(first.totals[names] - moved)
            figures |= {name: here[name] - there[name] for name in here}
        for ranking in rankings:
            figures |= ranking.at(kept)
        swaps = next(iter(sums[id(first)].values())).shape[1]
        missing = np.full(swaps, np.nan)
        gaps.append([figures.get(metric, missing) for metric in metrics])
    return np.mean(gaps, axis=0)


def _exact(aligned: Aligned, seeds: Sequence[tuple[_Swapped, _Swapped]]) -> dict[str, float]:
    """McNemar's exact p of the metrics to which it applies.

    These are means over the same rows of both tables whose units, where the two differ at all,
    differ by one and the same amount: then each is a toss of a coin.
    """
    found = {}
    everywhere = [each.by_row.keys() for both in seeds for each in both]
    for name in set.intersection(*map(set, everywhere)):
        gaps, same = np.zeros(aligned.units), True
        for first, second in seeds:
            (own, known), (other, known_too) = first.by_row[name], second.by_row[name]
            same &= bool((known == known_too).all())
            gaps += aligned.by_unit((own - other)[None])[0]
        sizes = np.abs(gaps[np.abs(gaps) > _TIE])
        if same and (not len(sizes) or np.ptp(sizes) <= _TIE):
            up = int((gaps > _TIE).sum())
            found[name] = float(binomtest(up, len(sizes)).pvalue) if len(sizes) else 1.0
    return found


def holm(p: np.ndarray) -> np.ndarray:
    """p corrected for being one of several, by Holm's method; NaN counts for nothing."""
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    raised = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected
