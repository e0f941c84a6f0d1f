"""How fast a packaged model answers: what is measured of calls whose times are known."""

from typing import Any

import numpy as np
import pytest

from tasks.registry import speed
from tasks.registry.card import with_section
from tasks.registry.speed import BATCH, CALLS, P50, P95, RATE, measure_speed, told_speed


class Model:
    """Answers after so many seconds of a clock of its own."""

    def __init__(self, row: float, call: float = 0.0) -> None:
        self.now, self.row, self.call = 0.0, row, call
        self.asked: list[int] = []

    def predict(self, rows: list[Any]) -> None:
        self.asked.append(len(rows))
        # Each call takes longer than the one before by a hundredth.
        self.now += (self.call + self.row * len(rows)) * (1 + len(self.asked) / 100)


@pytest.mark.parametrize(("row", "batched"), [(0.001, True), (0.02, True), (0.5, False)])
def test_percentiles_of_single_rows_and_rows_a_second_of_batches(
    row: float, batched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(row)
    monkeypatch.setattr(speed.time, "perf_counter", lambda: model.now)
    found = measure_speed(model.predict, [f"text {number}" for number in range(8)])
    single = model.asked[1:].count(1)
    taken = [row * (1 + number / 100) for number in range(2, 2 + single)]
    assert single == CALLS or sum(taken) >= speed.SECONDS
    assert found[P50] == pytest.approx(1000 * np.quantile(taken, 0.5))
    assert found[P95] == pytest.approx(1000 * np.quantile(taken, 0.95))
    assert (RATE in found) == batched
    if batched:
        places = [place for place, size in enumerate(model.asked, 1) if size == BATCH]
        rates = [1 / (row * (1 + place / 100)) for place in places]
        assert found[RATE] == pytest.approx(np.median(rates), rel=0.02)
    assert model.now < 20  # seconds of the slowest


def test_the_sentence_stands_on_the_card_before_the_evidence() -> None:
    said = told_speed({P50: 12.3, P95: 40.0, RATE: 812.4})
    assert said.startswith("12 ms an answer (median; 95 in 100 within 40 ms), 812 answers a second")
    assert "a second" not in told_speed({P50: 3.0, P95: 4.0})
    assert told_speed({}) == ""
    card = "# Title\n\n**Limits.** None.\n\n**Evidence.** Run."
    assert with_section(card, "Speed", "Fast.").split("\n\n")[-2:] == [
        "**Speed.** Fast.",
        "**Evidence.** Run.",
    ]
    assert with_section(card, "Speed", "") == card
