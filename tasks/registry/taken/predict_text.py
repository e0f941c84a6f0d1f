"""Asks the model in this folder: `python predict.py "a prompt" "another prompt"`.

Needs torch and transformers. `answer` is all that another program wants.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "about.json").read_text("utf-8"))
tokenizer = AutoTokenizer.from_pretrained(HERE)
family = AutoModelForSeq2SeqLM if ABOUT["encoder_decoder"] else AutoModelForCausalLM
model = family.from_pretrained(HERE, dtype=torch.float32).eval()


def read(text: str) -> list[int]:
    """The prompt's tokens: what a user writes is text, even where it looks like a mark."""
    clean = text.strip() if ABOUT["keep_lines"] else " ".join(text.split())
    parts = [clean if part is None else part for part in ABOUT["prompt"]]
    if not ABOUT["chat"]:
        ids: list[int] = tokenizer("".join(parts), split_special_tokens=True)["input_ids"]
        ends = not ABOUT["encoder_decoder"] and ids[-1:] == [tokenizer.eos_token_id]
        return ids[:-1] if ends else ids
    found = []
    for part, template in zip(parts, ABOUT["prompt"], strict=True):
        own = template is None  # the user's words, not the template's
        found += tokenizer(part, add_special_tokens=False, split_special_tokens=own)["input_ids"]
    return found


def answer(text: str) -> str:
    """What the model writes for one text."""
    ids = torch.tensor([read(text)])
    with torch.inference_mode():
        found = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            num_beams=ABOUT["beams"],
            max_new_tokens=ABOUT["max_new_tokens"],
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )[0]
    written = found if ABOUT["encoder_decoder"] else found[ids.shape[1] :]
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    return str(tokenizer.decode(written, **options)).strip()


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(json.dumps({"prompt": given, "answer": answer(given)}, ensure_ascii=False))
