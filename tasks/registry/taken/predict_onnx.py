"""Asks the ONNX file in this folder: `python predict_onnx.py "a text" "another text"`.

Needs onnxruntime and transformers (for the tokenizer alone), and no torch. The file beside it that
ends in `int8.onnx`, where there is one, is smaller and takes the same: name it in `FILE`. Of a
model that reads two texts a row is two: `python predict_onnx.py QUESTION ANSWER`.
"""

import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
FILE = "model.onnx"
reading = SimpleNamespace(**runpy.run_path(str(HERE / "reading.py")))
session = onnxruntime.InferenceSession(HERE / FILE)


def outputs(rows: Sequence[str | Sequence[str]]) -> np.ndarray:
    """(rows, labels): probabilities in the order of `about.json`'s labels; numbers; or rewards."""
    batch = reading.batch_of(rows)
    asked = {each.name: np.array(batch[each.name], dtype=np.int64) for each in session.get_inputs()}
    return session.run(None, asked)[0]


def answers(rows: Sequence[str | Sequence[str]]) -> list[dict[str, Any]]:
    """What the model gives for each row: labels, a number, or a reward."""
    return reading.answers_of(outputs(rows).tolist())


if __name__ == "__main__":
    for answer in answers(reading.rows_named()):
        print(json.dumps(answer, ensure_ascii=False))
