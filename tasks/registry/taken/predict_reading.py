"""Asks the model in this folder: `python predict.py "a text" "another text"`.

Needs torch, transformers and safetensors. `answers` is all that another program wants. Of a model
that reads two texts a row is two: `python predict.py QUESTION ANSWER`, `answers([(…, …), …])`.
"""

import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn.functional import linear, relu
from transformers import AutoModel, logging

logging.set_verbosity_error()  # a pooler that this model does not use is not missed
HERE = Path(__file__).resolve().parent
reading = SimpleNamespace(**runpy.run_path(str(HERE / "reading.py")))
ABOUT, labels = reading.ABOUT, reading.labels
model = AutoModel.from_pretrained(HERE, dtype=torch.float32).eval()
head = load_file(HERE / "head.safetensors")


def outputs(rows: Sequence[str | Sequence[str]]) -> torch.Tensor:
    """(rows, outputs) of the head."""
    batch = {name: torch.tensor(ids) for name, ids in reading.batch_of(rows).items()}
    if not ABOUT["tells_apart"]:
        del batch["token_type_ids"]
    with torch.inference_mode():
        states = model(**batch)[0].float()
    mask = batch["attention_mask"]
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
    return found.double()


def probabilities(rows: Sequence[str | Sequence[str]]) -> torch.Tensor:
    """(rows, labels) of a model that gives labels, in the order of `about.json`'s."""
    scores = outputs(rows) / ABOUT["temperature"]
    return scores.softmax(-1) if ABOUT["one_label"] else scores.sigmoid()


def answers(rows: Sequence[str | Sequence[str]]) -> list[dict[str, Any]]:
    """What the model gives for each row: labels, a number, or a reward."""
    if ABOUT["gives"] == "number":
        found = outputs(rows) * ABOUT["deviation"] + ABOUT["mean"]
    else:
        found = outputs(rows) if ABOUT["gives"] == "reward" else probabilities(rows)
    return reading.answers_of(found.tolist())


if __name__ == "__main__":
    for answer in answers(reading.rows_named()):
        print(json.dumps(answer, ensure_ascii=False))
