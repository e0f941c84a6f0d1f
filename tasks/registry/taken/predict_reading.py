"""Asks the model in this folder: `python predict.py "a text" "another text"`.

Needs torch, transformers and safetensors. `answers` is all that another program wants. Of a model
that reads two texts a row is two: `python predict.py QUESTION ANSWER`, `answers([(…, …), …])`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn.functional import linear, relu
from transformers import AutoModel, AutoTokenizer, logging

logging.set_verbosity_error()  # a pooler that this model does not use is not missed
HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
model = AutoModel.from_pretrained(HERE, dtype=torch.float32).eval()
head = load_file(HERE / "head.safetensors")


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


def outputs(rows: Sequence[str | Sequence[str]]) -> torch.Tensor:
    """(rows, outputs) of the head."""
    tokens = [read(row) for row in rows]
    mask = torch.zeros(len(rows), max(len(ids) for ids, _ in tokens), dtype=torch.long)
    ids, types = torch.full_like(mask, tokenizer.pad_token_id), torch.zeros_like(mask)
    for number, (row, second) in enumerate(tokens):
        mask[number, : len(row)] = 1
        ids[number, : len(row)], types[number, : len(row)] = torch.tensor(row), torch.tensor(second)
    more = {"token_type_ids": types} if ABOUT["tells_apart"] else {}
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=mask, **more)[0].float()
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


def labels(row: torch.Tensor) -> list[str]:
    """Those that pass: above their thresholds, or the most probable one."""
    if ABOUT["one_label"]:
        return [ABOUT["labels"][int(row.argmax())]]
    passing = zip(ABOUT["labels"], row.tolist(), ABOUT["thresholds"], strict=True)
    return [label for label, probability, threshold in passing if probability >= threshold]


def answers(rows: Sequence[str | Sequence[str]]) -> list[dict[str, Any]]:
    """What the model gives for each row: labels, a number, or a reward."""
    if ABOUT["gives"] == "number":
        found = outputs(rows)[:, 0] * ABOUT["deviation"] + ABOUT["mean"]
        return [{"number": number, "unit": ABOUT["unit"]} for number in found.tolist()]
    if ABOUT["gives"] == "reward":
        return [{"reward": reward} for reward in outputs(rows)[:, 0].tolist()]
    return [
        {
            "labels": labels(row),
            "probabilities": dict(zip(ABOUT["labels"], row.tolist(), strict=True)),
        }
        for row in probabilities(rows)
    ]


if __name__ == "__main__":
    given = sys.argv[1:]
    if not given or (ABOUT["pair"] and len(given) % 2):
        sys.exit("Name texts, each in quotes; of a model that reads two, two for each answer.")
    pairs = list(zip(given[::2], given[1::2], strict=True)) if ABOUT["pair"] else given
    for answer in answers(pairs):
        print(json.dumps(answer, ensure_ascii=False))
