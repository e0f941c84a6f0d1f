"""Which rows must not be divided: equal texts, near duplicates, groups, and chains of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.components import connected, connected_pairs
from tasks.splitting.duplicates import find_near_duplicates
from tasks.splitting.groups import find_groups


@dataclass(frozen=True)
class Units:
    """The rows in use and the units they form, all in the order of the texts' fingerprints."""

    used: np.ndarray
    """int (used rows,): their positions in the examples."""
    text: np.ndarray
    """int (examples,): the number of each row's text, in use or not."""
    of_text: np.ndarray
    """int (texts,): the unit of each text, from 0 without gaps."""
    near_clusters: int
    """Clusters of two or more texts that are nearly the same."""
    near_texts: int
    """Texts in these clusters."""

    @property
    def of_used(self) -> np.ndarray:
        """int (used rows,): the unit of each."""
        return self.of_text[self.text[self.used]]


def find_units(examples: pd.DataFrame, config: SplitConfig, marks: np.ndarray) -> Units:
    """Find the units of `examples`; columns and config as `assignment.assign_parts` has them.

    Args:
        examples: the rows.
        config: what counts as the same.
        marks: uint64 (rows,): `duplicates.fingerprints` of the texts.

    Raises:
        RequestError: groups are asked for, and their column is missing.
    """
    if config.group_by != "none" and config.group_role not in examples.columns:
        raise RequestError(
            f"split.group_by={config.group_by} reads the role {config.group_role!r}, and the "
            f"examples have only {', '.join(map(str, examples.columns))}: list the role in "
            "data.required or data.optional, or set split.group_by=none."
        )
    texts = examples["text"].tolist()
    order = np.lexsort((examples["row"].to_numpy(), marks))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = marks[order[1:]] != marks[order[:-1]]
    text = np.empty(len(order), dtype=np.int64)
    text[order] = np.cumsum(is_first) - 1
    distinct = order[is_first]
    used = distinct if config.drop_duplicates else order

    pairs = np.empty((0, 2), dtype=np.int64)
    if config.near_duplicates is not None:
        different = [texts[position] for position in distinct]
        pairs = find_near_duplicates(different, config.near_duplicates, config.seed)
    cluster_sizes = np.bincount(connected_pairs(len(distinct), pairs))
    # A text is tied to its near duplicates (a hub a pair) and to its rows' groups (a hub a group).
    items, hubs = pairs.ravel(), np.repeat(np.arange(len(pairs)), 2)
    if config.group_by != "none":
        names = examples[config.group_role].tolist()
        group = find_groups(config.group_by, [names[at] for at in used], [texts[at] for at in used])
        items = np.concatenate([items, text[used]])
        hubs = np.concatenate([hubs, group + len(pairs)])
    return Units(
        used=used,
        text=text,
        of_text=connected(len(distinct), items, hubs),
        near_clusters=int((cluster_sizes > 1).sum()),
        near_texts=int(cluster_sizes[cluster_sizes > 1].sum()),
    )


def largest_unit(examples: pd.DataFrame, config: SplitConfig, units: Units) -> tuple[str, int]:
    """The name of the largest unit (its shortest title, else its first row), and its rows."""
    unit = units.of_used
    members = examples.iloc[units.used[unit == np.bincount(unit).argmax()]]
    name = f"row {members['row'].min()}"
    if config.group_by != "none":
        titles = [title for title in members[config.group_role] if isinstance(title, str)]
        name = min(titles, key=lambda title: (len(title), title), default=name)
    return name, len(members)
