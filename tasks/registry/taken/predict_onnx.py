"""Asks the ONNX file in this folder: `python predict_onnx.py "a text" "another text"`.

Needs onnxruntime and transformers (for the tokenizer alone), and no torch.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
session = onnxruntime.InferenceSession(HERE / "model.onnx")


def probabilities(texts: list[str]) -> np.ndarray:
    """(texts, labels), in the order of `about.json`'s labels."""
    clean = [text.strip() if ABOUT["keep_lines"] else " ".join(text.split()) for text in texts]
    before, after = ABOUT["template"]
    end = tokenizer(ABOUT["prompt_end"], add_special_tokens=False)["input_ids"]
    room = ABOUT["max_length"] - len(end)
    read = tokenizer([before + text + after for text in clean], truncation=True, max_length=room)
    rows = [(ids or [tokenizer.eos_token_id]) + end for ids in read["input_ids"]]
    mask = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    ids = np.full_like(mask, tokenizer.pad_token_id)
    for number, row in enumerate(rows):
        ids[number, : len(row)], mask[number, : len(row)] = row, 1
    return session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


if __name__ == "__main__":
    for row in probabilities(sys.argv[1:]):
        named = dict(zip(ABOUT["labels"], map(float, row), strict=True))
        print(json.dumps({"probabilities": named}, ensure_ascii=False))
