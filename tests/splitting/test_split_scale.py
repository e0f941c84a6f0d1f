"""100,000 rows are split and checked in the time and memory that the chain leaves for it."""

import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from splitting.assigned import assign_parts, check_leakage

from tasks.config import SplitConfig

ROWS, LABELS, WORDS = 100_000, 40, 60


def large_examples() -> pd.DataFrame:
    """Texts with words as frequent as in life, 5 % repeated, 5 % nearly so, series of 1 to 5."""
    rng = np.random.default_rng(0)
    ranks = 1 / np.arange(1, 30_001)
    words = np.array([f"w{index}" for index in range(30_000)])
    drawn = words[rng.choice(30_000, size=(ROWS, WORDS), p=ranks / ranks.sum())]
    texts = [" ".join(row) for row in drawn]
    for index in range(0, ROWS, 20):
        texts[index + 1] = texts[index]
        texts[index + 2] = texts[index] + " indeed"
    labels = np.array([f"label{index}" for index in range(LABELS)])
    weights = 1 / np.arange(1, LABELS + 1)
    picks = labels[rng.choice(LABELS, size=(ROWS, 3), p=weights / weights.sum())]
    series, part = rng.integers(0, ROWS // 2, size=ROWS), rng.integers(1, 6, size=ROWS)
    return pd.DataFrame(
        {
            "row": np.arange(ROWS),
            "id": [str(index) for index in range(ROWS)],
            "title": [f"Name{s} of Place{s} {p}" for s, p in zip(series, part, strict=True)],
            "text": texts,
            "labels": [row[: 1 + index % 3].tolist() for index, row in enumerate(picks)],
        }
    )


def peak_megabytes() -> float:
    """Most memory this process ever had at a time; `ru_maxrss` would count its parent's too."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def split_and_report(path: Path, answer: Connection) -> None:
    """Runs in a process of its own that only reads the rows, so that the peak is the split's."""
    examples = pd.read_parquet(path)
    config = SplitConfig(group_by="franchise")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here (man 5 proc)
    before = peak_megabytes()
    started = time.process_time()
    assignment = assign_parts(examples, config)
    assigned = time.process_time()
    check_leakage(assignment.frames(examples), config)
    done = time.process_time()
    answer.send(
        {
            "assign_seconds": assigned - started,
            "check_seconds": done - assigned,
            "extra_megabytes": peak_megabytes() - before,
            "parts": assignment.report.parts[0],
            "dropped": assignment.report.dropped,
            "near_clusters": assignment.report.near_clusters,
            "worst_label": max(
                abs(spread.share["test"] - 0.15) for spread in assignment.report.labels.values()
            ),
        }
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path):
    path = tmp_path / "examples.parquet"
    large_examples().to_parquet(path)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=split_and_report, args=(path, sender)
    )
    process.start()
    sender.close()  # so that a crash of the process ends the wait
    found = receiver.recv()
    process.join()
    assert found["assign_seconds"] + found["check_seconds"] < 35
    assert found["extra_megabytes"] < 1_000
    assert found["dropped"] == found["near_clusters"] == ROWS // 20
    assert found["parts"]["test"] == pytest.approx(0.15 * (ROWS - found["dropped"]), rel=0.005)
    assert found["worst_label"] < 0.005
