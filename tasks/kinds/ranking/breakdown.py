"""Where a reward model ranks rightly and where it does not: tables of one arm's test pairs."""

import numpy as np
import pandas as pd

from tasks.evaluation.examples import Examples, pick
from tasks.evaluation.scored import read_scored
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import amount, figure, signed, span
from tasks.kinds.ranking.figures import length_correlation, of_like_length
from tasks.storage import TableRef

GAPS = 4  # groups of about as many pairs each
SOURCES = 20  # pairs of sources that a table shows, those with most pairs
WRONG = 10  # examples
DRAWS = 1000
COLUMNS = ("pairs", "queries", "accuracy", "low", "high")


def pairs_of(table: TableRef) -> pd.DataFrame:
    """The rows of `figures.pair_table`, with `right` and `sources` (of both answers) beside."""
    frame = read_scored(table).frame
    frame["right"] = frame["score:pair_accuracy"]
    frame["margin"] = frame["score:margin"]
    if "chosen_source" in frame:
        both = zip(frame["chosen_source"], frame["rejected_source"], strict=True)
        named = [sorted({str(one) for one in each if one is not None}) for each in both]
        frame["sources"] = [" and ".join(names) or None for names in named]
    return frame


def by_gap(pairs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """`COLUMNS` by how far the two scores are apart; no rows where the data has no scores."""
    if "gap" not in pairs or pairs["gap"].isna().all():
        return pd.DataFrame(columns=list(COLUMNS))
    gap = pairs["gap"].astype("float64")
    edges = np.unique(np.nanquantile(gap, np.linspace(0, 1, GAPS + 1)))
    number = np.clip(np.searchsorted(edges, gap, side="left") - 1, 0, max(len(edges) - 2, 0))
    limits = gap.groupby(number).agg(["min", "max"])
    names = {
        group: f"{low:g}" if low == high else f"{low:g} to {high:g}"
        for group, low, high in limits.itertuples()
    }
    return _grouped(pairs, pd.Series(number, index=pairs.index).map(names), confidence)


def by_source(pairs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """`COLUMNS` by who wrote the two answers; no rows where the data does not say."""
    if "sources" not in pairs or pairs["sources"].isna().all():
        return pd.DataFrame(columns=list(COLUMNS))
    most = pairs["sources"].value_counts().index[:SOURCES]
    kept = pairs[pairs["sources"].isin(most)]
    return _grouped(kept, kept["sources"], confidence)


def by_length(pairs: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """`COLUMNS` by which of the two answers is longer."""
    chosen, rejected = (pairs[f"{end}_length"].to_numpy() for end in ("chosen", "rejected"))
    longer = np.where(chosen > rejected, "the better is longer", "the worse is longer")
    kind = np.where(of_like_length(chosen, rejected), "of like length", longer)
    return _grouped(pairs, pd.Series(kind, index=pairs.index), confidence)


def wrongly_ranked(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs that the model is surest of and wrong about, the surest first."""
    wrong = pairs[pairs["margin"] < 0].sort_values("margin", kind="stable").head(WRONG)
    names = {"truth": "better", "rejected": "worse"}
    columns = ["id", "query", "better", "chosen_reward", "worse", "rejected_reward"]
    columns += [name for name in ("gap", "sources") if name in wrong]
    return wrong.rename(columns=names)[columns].reset_index(drop=True)


def _grouped(pairs: pd.DataFrame, names: pd.Series, confidence: float) -> pd.DataFrame:
    """Accuracy in each group, with an interval; in the order in which the names are sorted."""
    rows = {}
    for name in sorted(names.dropna().unique(), key=_order):
        some = pairs[names == name]
        low, high = _interval(some["right"].to_numpy(), some["group"].to_numpy(), confidence)
        rows[name] = (len(some), some["group"].nunique(), some["right"].mean(), low, high)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def _order(name: str) -> tuple[float, str]:
    """Groups of numbers by their first one, others by name."""
    try:
        return float(name.split()[0]), name
    except ValueError:
        return float("inf"), name


def _interval(right: np.ndarray, group: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentiles of the bootstrap over queries, of which all pairs are drawn together.

    NaN where there is one query, which says nothing of others.
    """
    number = pd.factorize(group)[0]
    sums, sizes = np.bincount(number, weights=right), np.bincount(number)
    if len(sizes) < 2:
        return float("nan"), float("nan")
    share = np.full(len(sizes), 1 / len(sizes))
    drawn = np.random.default_rng(0).multinomial(len(sizes), share, DRAWS)
    tail = (1 - confidence) / 2
    low, high = np.quantile((drawn @ sums) / (drawn @ sizes), [tail, 1 - tail])
    return float(low), float(high)


def sheets(pairs: pd.DataFrame, confidence: float) -> list[Sheet]:
    """The breakdowns as tables for readers; those that there is data for."""
    correlation = length_correlation(pairs)
    made = [
        _sheet(
            "Ranked rightly, by difference of the scores",
            "Pairs in groups of about equal size.",
            by_gap(pairs, confidence),
        ),
        _sheet(
            "Ranked rightly, by who wrote the two answers",
            f"At most the {SOURCES} most frequent.",
            by_source(pairs, confidence),
        ),
        _sheet(
            "Ranked rightly, by length",
            "Of like length: at most 20% apart. Over all answers the rank correlation of reward "
            f"and length (Spearman) is {signed(correlation)}; at 0 length gives no reward.",
            by_length(pairs, confidence),
        ),
    ]
    return [sheet for sheet in made if sheet.rows]


def _sheet(heading: str, note: str, groups: pd.DataFrame) -> Sheet:
    return Sheet(
        heading=heading,
        note=f"{note} Intervals: bootstrap over queries.",
        columns=("", "Pairs", "Queries", "Ranked rightly"),
        rows=tuple(
            (
                Cell(str(name)),
                Cell(amount(row.pairs)),
                Cell(amount(row.queries)),
                Cell(figure(row.accuracy), span(row.low, row.high)),
            )
            for name, row in groups.iterrows()
        ),
    )


def pair_examples(pairs: pd.DataFrame) -> Examples:
    """Pairs by how sure the model was of them: the surest mistakes first."""
    margins = pairs["margin"].to_numpy(dtype=float)
    right = margins > 0
    rows = pick(np.abs(margins), right)
    shown = pairs.iloc[rows]
    names = {
        "asked": "query",
        "better by the data": "truth",
        "its reward": "chosen_reward",
        "worse by the data": "rejected",
        "the other's reward": "rejected_reward",
    }
    note = (
        f"{int((~right).sum()):,} of {len(right):,} test pairs are ranked wrongly. Those with the "
        "largest difference of rewards first, then the surest that are ranked rightly."
    )
    frame = pd.DataFrame({title: shown[name].tolist() for title, name in names.items()})
    return Examples(note, frame, right[rows])
