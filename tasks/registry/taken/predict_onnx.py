"""Asks the ONNX file in this folder: `python predict_onnx.py "a text" "another text"`.

Needs onnxruntime and transformers (for the tokenizer alone), and no torch. The file beside it that
ends in `int8.onnx`, where there is one, is smaller and takes the same: name it in `FILE`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent
FILE = "model.onnx"
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
session = onnxruntime.InferenceSession(HERE / FILE)


def read(text: str) -> list[int]:
    """A text's token ids."""
    clean = text.strip() if ABOUT["keep_lines"] else " ".join(text.split())
    before, after = ABOUT["template"]
    end = tokenizer(ABOUT["prompt_end"], add_special_tokens=False)["input_ids"]
    room = ABOUT["max_length"] - len(end)
    ids = tokenizer(before + clean + after, truncation=True, max_length=room)["input_ids"]
    return (ids or [tokenizer.eos_token_id]) + end


def outputs(texts: Sequence[str]) -> np.ndarray:
    """(texts, labels): probabilities in the order of `about.json`'s labels; or numbers."""
    rows = [read(text) for text in texts]
    mask = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    ids = np.full_like(mask, tokenizer.pad_token_id)
    for number, row in enumerate(rows):
        ids[number, : len(row)], mask[number, : len(row)] = row, 1
    return session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


if __name__ == "__main__":
    for row in outputs(sys.argv[1:]).tolist():
        number = {"number": row[0], "unit": ABOUT.get("unit", "")}
        named = {"probabilities": dict(zip(ABOUT.get("labels", ()), row, strict=False))}
        print(json.dumps(number if ABOUT["gives"] == "number" else named, ensure_ascii=False))
