"""Shares of the training rows: one within the other, each with the labels of the whole."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from tasks.splitting.shares import nested_order, share_of
from tasks.storage import put_table


def labels(seed: int = 0) -> list[list[str]]:
    """Of 400 rows: one of two common labels each, and with every 20th a rare one."""
    chance = np.random.default_rng(seed)
    common = chance.choice(["ham", "news"], 400, p=[0.7, 0.3]).tolist()
    return [[each, "rare"] if row % 20 == 0 else [each] for row, each in enumerate(common)]


@pytest.mark.parametrize("seed", range(3))
def test_every_share_lies_within_the_next_and_has_each_label_in_its_share(seed: int) -> None:
    strata = labels(seed)
    order = nested_order(400, strata, seed)
    assert sorted(order.tolist()) == list(range(400))
    whole = Counter(label for row in strata for label in row)
    for share in (0.1, 0.25, 0.5):
        taken = Counter(label for row in order[: round(400 * share)] for label in strata[row])
        for label, count in whole.items():
            assert taken[label] == pytest.approx(share * count, abs=4), (share, label)


def test_the_draw_follows_its_seed_and_a_rare_label_is_in_the_smallest_share() -> None:
    strata = [["often"]] * 99 + [["once"]]
    assert 99 in nested_order(100, strata, 1)[:3]
    assert (nested_order(100, strata, 1) == nested_order(100, strata, 1)).all()
    assert (nested_order(100, strata, 1) != nested_order(100, strata, 2)).any()
    assert (nested_order(100, None, 1) != np.arange(100)).any()


def test_a_share_is_a_stored_table_with_the_rows_in_their_order() -> None:
    strata = labels()
    part = put_table(pd.DataFrame({"id": range(400), "labels": strata}), "train part of a file")
    quarter, half = (share_of(part, share, strata, 7) for share in (0.25, 0.5))
    few, more = quarter.read()["id"].tolist(), half.read()["id"].tolist()
    assert (len(few), len(more)) == (100, 200)
    assert few == sorted(few)
    assert set(few) < set(more)
    assert quarter.origin == "0.25 of train part of a file"
    assert half.read()["labels"].tolist()[0] == pytest.approx(strata[more[0]])
    assert share_of(part, 1.0, strata, 7) == part
    assert share_of(part, 1e-9, strata, 7).rows == 1
