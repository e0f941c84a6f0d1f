"""What the programs in this folder share: how a row is read, and what an answer is made of.

Each runs this file by its path, so that two such folders in one process keep apart. Needs
transformers, for the tokenizer alone.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)


def read(given: str | Sequence[str]) -> tuple[list[int], list[int]]:
    """A row's token ids, and of each whether it is of a second text."""
    texts = [given] if isinstance(given, str) else list(given)
    texts = [text.strip() if ABOUT["keep_lines"] else " ".join(text.split()) for text in texts]
    before, after = ABOUT["template"]
    texts[0] = before + texts[0] + after
    end = tokenizer(ABOUT["prompt_end"], add_special_tokens=False)["input_ids"]
    room = ABOUT["max_length"] - len(end)
    batch = [[text] for text in texts]  # alone, an empty second text would count as none
    found = tokenizer(*batch, verbose=False)
    if len(found["input_ids"][0]) > room and not ABOUT["keeps_second"]:
        found = tokenizer(*batch, truncation=True, max_length=room)
    ids = found["input_ids"][0]
    second = found["token_type_ids"][0] if "token_type_ids" in found else [0] * len(ids)
    if (excess := len(ids) - room) > 0:  # the first text goes before the second does
        of = found.sequence_ids(0)
        one, two = ([place for place, text in enumerate(of) if text == each] for each in (0, 1))
        lost = min(excess, max(len(one) - 1, 0))
        gone = {*one[len(one) - lost :], *two[len(two) - (excess - lost) :]}
        ids, second = (
            [value for place, value in enumerate(row) if place not in gone] for row in (ids, second)
        )
    if not ids:
        ids, second = [tokenizer.eos_token_id], [0]
    return ids + end, second + [0] * len(end)


def batch_of(rows: Sequence[str | Sequence[str]]) -> dict[str, list[list[int]]]:
    """Rows as a model is given them, all of the longest one's width: padded on the right."""
    tokens = [read(row) for row in rows]
    width = max(len(ids) for ids, _ in tokens)
    short = [width - len(ids) for ids, _ in tokens]
    return {
        "input_ids": [
            ids + [tokenizer.pad_token_id] * pads
            for (ids, _), pads in zip(tokens, short, strict=True)
        ],
        "attention_mask": [[1] * (width - pads) + [0] * pads for pads in short],
        "token_type_ids": [
            second + [0] * pads for (_, second), pads in zip(tokens, short, strict=True)
        ],
    }


def labels(row: Sequence[float]) -> list[str]:
    """Of a row of probabilities those that pass: above their thresholds, or the most probable."""
    if ABOUT["one_label"]:
        return [ABOUT["labels"][max(range(len(row)), key=lambda place: row[place])]]
    passing = zip(ABOUT["labels"], row, ABOUT["thresholds"], strict=True)
    return [label for label, probability, threshold in passing if probability >= threshold]


def answers_of(found: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """What is said of rows of probabilities, numbers in their unit, or rewards."""
    if ABOUT["gives"] == "number":
        return [{"number": row[0], "unit": ABOUT["unit"]} for row in found]
    if ABOUT["gives"] == "reward":
        return [{"reward": row[0]} for row in found]
    return [
        {"labels": labels(row), "probabilities": dict(zip(ABOUT["labels"], row, strict=True))}
        for row in found
    ]


def rows_named() -> list[Any]:
    """The rows on the command line."""
    given = sys.argv[1:]
    if not given or (ABOUT["pair"] and len(given) % 2):
        sys.exit("Name texts, each in quotes; of a model that reads two, two for each answer.")
    return list(zip(given[::2], given[1::2], strict=True)) if ABOUT["pair"] else given
