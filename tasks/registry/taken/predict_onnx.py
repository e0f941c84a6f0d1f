"""Asks the ONNX file in this folder: `python predict_onnx.py "a text" "another text"`.

Needs onnxruntime and transformers (for the tokenizer alone), and no torch. The file beside it that
ends in `int8.onnx`, where there is one, is smaller and takes the same: name it in `FILE`. Of a
model that reads two texts a row is two: `python predict_onnx.py QUESTION ANSWER`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent
FILE = "model.onnx"
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
session = onnxruntime.InferenceSession(HERE / FILE)


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


def outputs(rows: Sequence[str | Sequence[str]]) -> np.ndarray:
    """(rows, labels): probabilities in the order of `about.json`'s labels; numbers; or rewards."""
    tokens = [read(row) for row in rows]
    mask = np.zeros((len(rows), max(len(ids) for ids, _ in tokens)), dtype=np.int64)
    ids, types = np.full_like(mask, tokenizer.pad_token_id), np.zeros_like(mask)
    for number, (row, second) in enumerate(tokens):
        mask[number, : len(row)] = 1
        ids[number, : len(row)], types[number, : len(row)] = row, second
    asked = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return session.run(None, {each.name: asked[each.name] for each in session.get_inputs()})[0]


def labels(row: Sequence[float]) -> list[str]:
    """Those that pass: above their thresholds, or the most probable one."""
    if ABOUT["one_label"]:
        return [ABOUT["labels"][int(np.argmax(row))]]
    passing = zip(ABOUT["labels"], row, ABOUT["thresholds"], strict=True)
    return [label for label, probability, threshold in passing if probability >= threshold]


def answers(rows: Sequence[str | Sequence[str]]) -> list[dict[str, Any]]:
    """What the model gives for each row: labels, a number, or a reward."""
    found = outputs(rows).tolist()
    if ABOUT["gives"] == "number":
        return [{"number": row[0], "unit": ABOUT["unit"]} for row in found]
    if ABOUT["gives"] == "reward":
        return [{"reward": row[0]} for row in found]
    return [
        {"labels": labels(row), "probabilities": dict(zip(ABOUT["labels"], row, strict=True))}
        for row in found
    ]


if __name__ == "__main__":
    given = sys.argv[1:]
    if not given or (ABOUT["pair"] and len(given) % 2):
        sys.exit("Name texts, each in quotes; of a model that reads two, two for each answer.")
    pairs = list(zip(given[::2], given[1::2], strict=True)) if ABOUT["pair"] else given
    for answer in answers(pairs):
        print(json.dumps(answer, ensure_ascii=False))
