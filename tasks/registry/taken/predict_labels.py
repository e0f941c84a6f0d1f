"""Asks the classifier in this folder: `python predict.py "a text" "another text"`.

Needs torch, transformers and safetensors. `probabilities` is all that another program wants.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import linear, relu
from transformers import AutoModel, AutoTokenizer

HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
model = AutoModel.from_pretrained(HERE, dtype=torch.float32).eval()
head = load_file(HERE / "head.safetensors")


def probabilities(texts: list[str]) -> torch.Tensor:
    """(texts, labels), in the order of `about.json`'s labels."""
    clean = [text.strip() if ABOUT["keep_lines"] else " ".join(text.split()) for text in texts]
    before, after = ABOUT["template"]
    end = tokenizer(ABOUT["prompt_end"], add_special_tokens=False)["input_ids"]
    room = ABOUT["max_length"] - len(end)
    read = tokenizer([before + text + after for text in clean], truncation=True, max_length=room)
    rows = [(ids or [tokenizer.eos_token_id]) + end for ids in read["input_ids"]]
    mask = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    ids = torch.full_like(mask, tokenizer.pad_token_id)
    for number, row in enumerate(rows):
        ids[number, : len(row)], mask[number, : len(row)] = torch.tensor(row), 1
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=mask)[0].float()
    weights = mask.unsqueeze(-1).float()
    found = states[:, 0]
    if ABOUT["pooling"] == "mean":
        found = (states * weights).sum(1) / weights.sum(1)
    elif ABOUT["pooling"] == "last":
        found = states[torch.arange(len(rows)), mask.sum(1) - 1]
    for place, layer in enumerate(layers := sorted({name.split(".")[0] for name in head}, key=int)):
        found = linear(found, head[f"{layer}.weight"], head.get(f"{layer}.bias"))
        if place + 1 < len(layers):
            found = torch.tanh(found) if ABOUT["between"] == "tanh" else relu(found)
    scores = found.double() / ABOUT["temperature"]
    return scores.softmax(-1) if ABOUT["one_label"] else scores.sigmoid()


def labels(row: torch.Tensor) -> list[str]:
    """Those that pass: above their thresholds, or the most probable one."""
    if ABOUT["one_label"]:
        return [ABOUT["labels"][int(row.argmax())]]
    passing = zip(ABOUT["labels"], row.tolist(), ABOUT["thresholds"], strict=True)
    return [label for label, probability, threshold in passing if probability >= threshold]


if __name__ == "__main__":
    for row in probabilities(sys.argv[1:]):
        named = dict(zip(ABOUT["labels"], row.tolist(), strict=True))
        print(json.dumps({"labels": labels(row), "probabilities": named}, ensure_ascii=False))
