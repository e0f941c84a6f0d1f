"""How fast a packaged model answers: a row at a time, as a person asks, and many at once."""

import time
from collections.abc import Callable, Mapping
from itertools import cycle, islice
from typing import Any

import numpy as np

CALLS, BATCHES, BATCH = 50, 3, 32
SECONDS = 1.5
"""Calls of either sort end there, or with their number; the first three are made in any case."""
PATIENCE = 10.0
"""Where so many seconds would not answer a batch even row by row, no batch is asked."""
P50, P95, RATE = "latency/p50_ms", "latency/p95_ms", "latency/rows_per_second"


def measure_speed(predict: Callable[[list[Any]], Any], rows: list[Any]) -> dict[str, float]:
    """Ask a packaged model's own `predict`, for a few seconds at most.

    Args:
        predict: rows -> answers.
        rows: some of the test part, short ones and long ones.

    Returns:
        `latency/p50_ms` and `latency/p95_ms` of single rows, and `latency/rows_per_second` in
        batches of 32, where those do not take too long.
    """
    predict(rows[:1])  # what is done once is done now
    single = _seconds(predict, ([row] for row in islice(cycle(rows), CALLS)))
    middle, high = np.percentile(single, [50, 95])
    found = {P50: 1000 * float(middle), P95: 1000 * float(high)}
    if middle * BATCH <= PATIENCE:
        batch = [*islice(cycle(rows), BATCH)]
        found[RATE] = BATCH / float(np.median(_seconds(predict, [batch] * BATCHES, least=1)))
    return found


def _seconds(predict: Callable[[list[Any]], Any], batches: Any, least: int = 3) -> list[float]:
    taken: list[float] = []
    for batch in batches:
        started = time.perf_counter()
        predict(batch)
        taken.append(time.perf_counter() - started)
        if len(taken) >= least and sum(taken) >= SECONDS:
            break
    return taken


def told_speed(figures: Mapping[str, float]) -> str:
    """The same as a sentence; nothing where nothing was measured."""
    if P50 not in figures:
        return ""
    said = f"{figures[P50]:,.0f} ms an answer (median; 95 in 100 within {figures[P95]:,.0f} ms)"
    if figures[P50] < 10:
        said = f"{figures[P50]:.1f} ms an answer (median; 95 in 100 within {figures[P95]:.1f} ms)"
    many = (
        f", {figures[RATE]:,.0f} answers a second in batches of {BATCH}" if RATE in figures else ""
    )
    return f"{said}{many}, on the machine and under the load of this run."
