"""An arm on stored hidden states needs no more memory for more rows."""

import pandas as pd
import pytest
from tiny import WIDTH, MakeSpec, sample_records

from tasks.kinds.labels.training import LabelLearner
from tasks.storage import TableRef, put_table
from tasks.training.encoding import encode
from tasks.training.hidden_store import trunk_dir
from tasks.training.run import train_arm

ROWS = 800
TEXT_TOKENS = 96


def parts_of(factor: int) -> dict[str, TableRef]:
    """A training part of `ROWS` x factor long texts; validation and test stay small."""
    records = sample_records()
    texts = [f"{number} {records[number % 460]['synopsis']}" for number in range(ROWS * factor)]
    rows = pd.DataFrame(
        {
            "id": [str(number) for number in range(len(texts))],
            "text": texts,
            "labels": [["Comedy"] if number % 2 else ["Drama"] for number in range(len(texts))],
        }
    )
    return {
        "train": put_table(rows, "train"),
        "validation": put_table(rows[:20], "validation"),
        "test": put_table(rows[20:40], "test"),
    }


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_rows(make_spec: MakeSpec) -> None:
    peaks, sizes = {}, {}
    for factor in (1, 1, 4, 16):  # the first run warms libraries and the allocator up
        encode.cache_clear()  # it would keep the parts of the smaller runs
        outcome = train_arm(
            make_spec(
                strategy="freeze_2",
                training={"epochs": 1, "batch_size": 64},
                model={"max_length": TEXT_TOKENS},
                **parts_of(factor),
            ),
            "run",
            LabelLearner,
            lambda metrics, step: None,
            force=True,
        )
        assert outcome.trunk.startswith("on")
        peaks[factor] = outcome.metrics["cost/peak_memory_mb"]
        sizes[factor] = outcome.metrics["cost/trunk_megabytes"]
    stored = max(path.stat().st_size for path in trunk_dir().glob("*/states.bin")) / 1e6
    assert stored > 0.8 * ROWS * 16 * 60 * WIDTH * 4 / 1e6, "there must be something to hold back"
    # Texts and token ids of the training part stay in memory, some kilobytes a row. Stored states
    # do not: at MiniLM's width a row of these would add a hundred and forty.
    for fewer in (1, 4):
        growth = (peaks[16] - peaks[fewer]) * 1e6 / (ROWS * (16 - fewer))
        assert growth < 10_000, (peaks, sizes)
