"""Which row goes into which part: repeated texts, then what is tied, then the deal.

    assignment = assign(units, config)
    assignment.positions()  # for the split or each fold: {"train": …, "validation": …, "test": …}

The parts depend on what the rows hold and on `split.seed`, not on the order of the rows: all work
is done in the order of the texts' fingerprints. Two things depend on a row's number: of the rows
that may stand for an exactly repeated text (`repeats.py`) the first in the source is kept, and
folds of rows without strata are dealt in the rows' order.
"""

import math
from dataclasses import dataclass

import numpy as np

from tasks.config import PARTS, Part, SplitConfig
from tasks.errors import RequestError
from tasks.splitting.dealing import LEAST_OF_REQUEST, Hand, deal, rows_over_limit, shares
from tasks.splitting.duplicates import find_near_duplicates, told_by
from tasks.splitting.recorded import Record
from tasks.splitting.repeats import Repeats, latest, settle
from tasks.splitting.report import LeftOut, SplitReport, notes_on, spread_labels
from tasks.splitting.stratify import count_labels
from tasks.splitting.ties import marks_of, number_texts, ties_around
from tasks.splitting.units import Units

DROPPED = "dropped"
NUMBER_WORDS = {1: "one part", 2: "two parts", 3: "three parts"}
_LOOKS = 6  # at most, for pairs across parts where a cluster was cut


@dataclass(frozen=True)
class Assignment:
    """The part of every row, and what it came to.

    Attributes:
        texts: uint64 (used rows,): the marks of the texts that were dealt (`duplicates.told_by`).
        dealt: int (used rows,): their parts, positions in `PARTS`; of the first fold.
        folds: for the split or each fold, the part of each row or `dropped`: str (rows,).
        group: int (rows,): number of the unit that stays together, from 0; a dropped row has its
            text's, or -1 where no row stands for the text.
        report: the numbers.
    """

    texts: np.ndarray
    dealt: np.ndarray
    folds: tuple[np.ndarray, ...]
    group: np.ndarray
    report: SplitReport

    def positions(self) -> list[dict[Part, np.ndarray]]:
        """The rows of each part in the order they came in, without dropped rows."""
        return [{name: np.flatnonzero(part == name) for name in PARTS} for part in self.folds]


def assign(units: Units, config: SplitConfig, record: Record | None = None) -> Assignment:
    """Divide rows into three parts, or into three for each fold.

    Rows end up in one part if their texts are equal or nearly so (`config.near_duplicates`), if
    they belong to one group (`config.group_by`), or if a chain of such ties connects them. Where
    the data says which rows are the test part, the other rows that are tied to one of them are
    left out. Rows whose part is recorded keep it, and the others are dealt around them.

    Args:
        units: of all rows.
        config: the shares, the seed and what counts as the same.
        record: the lineage's; nothing is recorded without.

    Raises:
        RequestError: too few rows, or a group so large that no three parts come about.
    """
    rows, strata = len(units.texts), units.strata
    _require_rows(rows, 0, units, config)
    marks = marks_of(units)
    all_texts = number_texts(marks, units.rows)
    repeats = Repeats.none(rows)
    if units.settled and strata is not None:
        repeats = settle(all_texts.of_row, units.answers or strata, config.conflicts, units.given)
    standing = np.flatnonzero(repeats.stands)
    _require_rows(len(standing), rows - len(standing), units, config)

    record = record or Record()
    told = marks[0] if units.alike else told_by(units.texts)
    known = record.parts_of(told)
    around = ties_around(units, marks, standing, known, config)
    standing, texts, ties = around.standing, around.texts, around.ties
    one_a_text = units.settled and config.drop_duplicates
    used = standing[texts.first if one_a_text else texts.order]
    of_standing = np.full(rows, -1, dtype=np.int64)
    of_standing[standing] = ties.unit[texts.of_row]
    repeated = len(standing) - len(used)
    given = latest(ties.unit[texts.of_row], units.part[standing])
    beside = units.part[used] != given[of_standing[used]]
    used = used[~beside]
    unit = of_standing[used]
    _require_rows(int((units.part[used] < 0).sum()), rows - len(used), units, config)

    hand = Hand(
        unit=unit,
        sizes=np.bincount(unit),
        counts=None if strata is None else count_labels([strata[at] for at in used], unit)[0],
        first=_first_row(unit, units.rows[used]),
        given=given,
        noun=units.noun,
        fixed=around.fixed,
        dealt=units.dealt,
    )
    divisions = deal(hand, config)
    for division in divisions:
        _require_parts(division, hand, units, used, config)
    folds, over = [], np.zeros(len(used), dtype=bool)
    crossing = 0
    for division in divisions:
        part = np.full(rows, DROPPED, dtype=object)
        part[used] = np.array(PARTS, dtype=object)[division[unit]]
        if ties.cut:
            apart = _crossing(units, used, division[unit], known[used], config)
            part[used[apart]] = DROPPED
            crossing += int(apart.sum())
        chosen = None if strata is None else [strata[at] for at in used]
        out = rows_over_limit(part[used], chosen, config.rows, config.seed)
        part[used[out]] = DROPPED
        over |= out
        folds.append(part)

    group_of_text = np.full(len(all_texts.starts), -1, dtype=np.int64)
    group_of_text[all_texts.of_row[standing]] = of_standing[standing]
    parts = [{name: int((part == name).sum()) for name in PARTS} for part in folds]
    first = folds[0][used]
    kept = used[first != DROPPED]
    name, largest = largest_unit(units, used, unit)
    report = SplitReport(
        rows=rows,
        noun=units.noun,
        answer=units.answer,
        given=tuple(name for at, name in enumerate(PARTS) if at not in units.dealt),
        folds=config.folds,
        parts=tuple(parts),
        units=tuple(
            dict(zip(PARTS, np.bincount(division, minlength=3).tolist(), strict=True))
            for division in divisions
        ),
        requested=_requested(config, hand),
        repeated=rows - len(group_of_text),
        dropped=rows - len(kept),
        lineage=record.note,
        recorded=None if record.is_new else int((known[used] >= 0).sum()),
        new=int((known[used] < 0).sum()),
        left_out=LeftOut(
            repeated=repeated,
            of_test=repeats.of_test,
            near_test=int(beside.sum()),
            conflicting=int((~repeats.stands).sum()) - repeats.of_test,
            over_limit=len(used) - len(kept) - crossing,
            crossing=crossing,
            tying=around.tying,
            parted=around.parted,
        ),
        conflicting=repeats.conflicting,
        conflicts=config.conflicts,
        unsettled=repeats.unsettled,
        near_clusters=ties.near_clusters,
        near_texts=ties.near_texts,
        groups=len(hand.sizes),
        largest_group=name,
        largest_group_rows=largest,
        labels=spread_labels(
            [] if strata is None else [strata[at] for at in kept], first[first != DROPPED]
        ),
    )
    kept_repeats = len(used) - len(np.unique(all_texts.of_row[used])) if units.alike else 0
    cut = [
        dict(zip(PARTS, np.bincount(division, hand.sizes, 3).astype(int).tolist(), strict=True))
        for division in divisions
    ]
    return Assignment(
        texts=told[used],
        dealt=divisions[0][unit],
        folds=tuple(folds),
        group=group_of_text[all_texts.of_row],
        report=report.model_copy(update={"notes": notes_on(report, cut, kept_repeats)}),
    )


def _crossing(
    units: Units, used: np.ndarray, part: np.ndarray, known: np.ndarray, config: SplitConfig
) -> np.ndarray:
    """bool (used rows,): rows to leave out so that no two parts have nearly the same text.

    Of a pair the row goes whose part is not recorded, else that of the part to be learned from.
    """
    out, texts = np.zeros(len(used), dtype=bool), [units.texts[at] for at in used]
    rank = np.where(known >= 0, len(PARTS), 0) + part
    for more in range(1, _LOOKS):
        left = np.flatnonzero(~out)
        threshold, seed = config.near_duplicates or 1.0, config.seed + more
        pairs, _ = find_near_duplicates([texts[at] for at in left], threshold, seed, part[left])
        if not len(pairs):
            break
        one, other = left[pairs].T
        out[np.where(rank[one] <= rank[other], one, other)] = True
    return out


def largest_unit(units: Units, used: np.ndarray, unit: np.ndarray) -> tuple[str, int]:
    """The name of the largest unit (its shortest title, else its first row), and its rows.

    Args:
        units: of all rows.
        used: int (used rows,): their positions.
        unit: int (used rows,): the unit of each.
    """
    members = used[unit == np.bincount(unit).argmax()]
    name = f"row {units.rows[members].min()}"
    if units.names is not None:
        titles = [title for at in members if isinstance(title := units.names[at], str)]
        name = min(titles, key=lambda title: (len(title), title), default=name)
    return name, len(members)


def _first_row(unit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    first = np.full(unit.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, unit, rows)
    return first


def _requested(config: SplitConfig, hand: Hand) -> dict[Part, float]:
    """Part -> the share of the rows that it should have: a given one what it has."""
    if config.folds is not None:
        test = 1 / config.folds
        train, validation = (share * (1 - test) for share in shares(config, hand.dealt))
        return {"train": train, "validation": validation, "test": test}
    held = np.bincount(hand.given + 1, hand.sizes, len(PARTS) + 1) / hand.sizes.sum()
    cut = dict(zip(hand.dealt, shares(config, hand.dealt), strict=True))
    return {
        name: float(cut[part] * held[0] if part in cut else held[part + 1])
        for part, name in enumerate(PARTS)
    }


def _require_rows(usable: int, left_out: int, units: Units, config: SplitConfig) -> None:
    """Refuse data in which some part would not even be owed a row."""
    if not units.settled:
        return
    wanted = shares(config, units.dealt)
    least = math.ceil(1 / min(wanted) - 1e-9)
    if usable < least:
        repeats = f" ({left_out} more repeat a text)" if left_out else ""
        parts = [PARTS[part] for part in units.dealt]
        given = " and ".join(name for name in PARTS if name not in parts)
        asked = {"validation": config.validation, "test": config.test}
        said = " and ".join(f"split.{name}={asked[name]:g}" for name in parts[1 : len(wanted)])
        raise RequestError(
            f"{usable} usable rows{repeats}{f' outside the {given} part' if given else ''} are too "
            f"few for {NUMBER_WORDS[len(wanted)]}: {f'with {said} ' if said else ''}at least "
            f"{least} {'are' if least > 1 else 'is'} needed, so that each part comes to a row."
        )


def _require_parts(
    division: np.ndarray, hand: Hand, units: Units, used: np.ndarray, config: SplitConfig
) -> None:
    """Refuse a deal that leaves a part empty, or with strata far below what was asked for."""
    requested = tuple(_requested(config, hand).values())
    rows = np.bincount(division, hand.sizes, len(PARTS))
    gone = [PARTS[at] for at in set(units.part.tolist()) if at >= 0 and not rows[at]]
    if gone:
        raise RequestError(
            f"No row that the data puts into {gone[0]} is left: each has nearly the text, or the "
            "group, of a row of a later part. Give other rows, or set split.near_duplicates=null."
        )
    owed = np.array(requested) * hand.sizes.sum()
    dealt_anew = hand.counts is not None and config.folds is None and (hand.fixed < 0).all()
    least = LEAST_OF_REQUEST if dealt_anew else 0.0
    short = int((rows / owed).argmin())
    if rows[short] and rows[short] >= least * owed[short]:
        return
    name, largest = largest_unit(units, used, hand.unit)
    raise RequestError(
        f"The group {name!r} holds {largest} of the {len(used)} usable rows and stays whole, so "
        f"{PARTS[short]} would get {rows[short]:.0f} rows where {owed[short]:.0f} were asked for: "
        f"give more different {units.noun}s, set split.group_by=none, or raise "
        "split.near_duplicates."
    )
