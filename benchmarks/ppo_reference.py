"""What TRL 0.11.4's PPOTrainer computes, for `tests/rl/test_agreement.py` to compare with.

It was the last release with this trainer for encoder-decoders, and wants a transformers of its
time, so it runs in an environment of its own:

    python3.11 -m venv .trl && .trl/bin/pip install trl==0.11.4 transformers==4.45.2 \\
        'accelerate<1.2' 'datasets<3.3' rich torch
    .trl/bin/python benchmarks/ppo_reference.py benchmarks/ppo_reference.json

Both sides build the same tiny models: the configurations below, and weights that numpy draws from
each parameter's name. Nothing is fetched. The module itself needs neither TRL nor Thaw, so that
the test can import the models.

Four things in TRL 0.11.4 shape the comparison:

- In an encoder-decoder's answer it leaves out the first token: its mask starts one column late,
  so that this token gets no KL penalty, no advantage and no gradient. Thaw trains it. The mask
  stands in the file, and the test computes with it.
- It gives the model no position ids, so that padding on the left shifts GPT-2's positions. Here
  it pads on the right, where that does no harm; Thaw pads on the left and gives position ids.
- It keeps its parameters for gradient clipping in an iterator, which the first update uses up:
  later ones are not clipped. So clipping is compared over a single update.
- When it whitens rewards, padding gets one that is not 0, which reaches the advantages of the
  tokens before it. So the whitening is compared by itself, and no update with it.
"""

import json
import sys
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

VOCABULARY = 19
PAD, END = 0, 1
LEARNING_RATE, EPSILON = 0.02, 1e-3
KINDS = ("causal", "encoder_decoder")

QUERIES = [[5, 6, 7, 8], [9], [10, 11], [12, 13, 14], [3, 4]]
ANSWERS = [[2, 3, 4, END], [5, 6, 7, 8, 9, 10], [11, END], [12, 2, 13], [14, 15, 16, 17, 18]]
SCORES = [1.5, -0.5, 0.25, 2.0, -1.0]

SETTINGS: dict[str, dict[str, Any]] = {
    "one update": {"ppo_epochs": 1},
    "one clipped update": {"ppo_epochs": 1, "max_grad_norm": 0.1},
    "four epochs": {"ppo_epochs": 4, "gamma": 0.97, "lam": 0.9},
}


def draw_weights(model: nn.Module, name: str = "", scale: float = 0.4) -> None:
    """Fill every parameter with numbers that depend on its name alone."""
    with torch.no_grad():
        for parameter, value in model.named_parameters():
            draws = np.random.RandomState(zlib.crc32(f"{name}{parameter}".encode()))
            made = torch.from_numpy(draws.standard_normal(tuple(value.shape))).float() * scale
            value.add_(made) if name else value.copy_(made)


def build_model(kind: str, reference: bool = False) -> Any:
    """The policy's model; or the reference's, which is a little off."""
    from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

    special = {"pad_token_id": PAD, "eos_token_id": END}
    if kind == "causal":
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCABULARY,
                n_positions=16,
                n_embd=8,
                n_layer=2,
                n_head=2,
                n_inner=16,
                bos_token_id=END,
                **special,
            )
        )
    else:
        model = T5ForConditionalGeneration(
            T5Config(
                vocab_size=VOCABULARY,
                d_model=8,
                d_kv=4,
                d_ff=16,
                num_layers=1,
                num_heads=2,
                decoder_start_token_id=PAD,
                **special,
            )
        )
    draw_weights(model)
    if reference:
        draw_weights(model, "reference ", scale=0.05)
    return model.eval()


def fixed_tensors() -> dict[str, torch.Tensor]:
    """Inputs of the losses and of the advantages, far enough from each other to be clipped."""
    draws = np.random.RandomState(7)
    shape = (3, 6)
    names = ("old", "new", "values", "old_values", "rewards", "advantages", "returns")
    made = {name: torch.from_numpy(draws.standard_normal(shape)).float() for name in names}
    made["new"] = made["old"] + 0.4 * made["new"]
    made["mask"] = torch.tensor([[1] * 6, [1] * 4 + [0] * 2, [1] + [0] * 5])
    made["logits"] = torch.from_numpy(draws.standard_normal((*shape, VOCABULARY))).float()
    return made


def _numbers(tensor: torch.Tensor) -> Any:
    """A tensor as nested lists with the digits that float32 has."""
    if tensor.ndim == 0:
        return float(f"{tensor.item():.9g}")
    return [_numbers(row) for row in tensor.detach()]


def _make_trainer(kind: str, settings: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    from trl import (
        AutoModelForCausalLMWithValueHead,
        AutoModelForSeq2SeqLMWithValueHead,
        PPOConfig,
        PPOTrainer,
    )

    wrapper = {
        "causal": AutoModelForCausalLMWithValueHead,
        "encoder_decoder": AutoModelForSeq2SeqLMWithValueHead,
    }[kind]
    policy, reference = wrapper(build_model(kind)), wrapper(build_model(kind, reference=True))
    draw_weights(policy.v_head)
    policy.is_peft_model = reference.is_peft_model = False
    words = {f"w{number}": number for number in range(VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w2")),  # noqa: S106
        pad_token=f"w{PAD}",
        eos_token=f"w{END}",
        padding_side="right",
    )
    rows = len(QUERIES)
    config = PPOConfig(batch_size=rows, mini_batch_size=rows, horizon=100, **settings)
    return PPOTrainer(
        config,
        policy,
        reference,
        tokenizer,
        optimizer=torch.optim.Adam(policy.parameters(), lr=LEARNING_RATE, eps=EPSILON),
    )


def _of_answers(kind: str, tensor: torch.Tensor) -> list[Any]:
    """TRL's columns for whole texts, cut to those of each answer's tokens."""
    rows = []
    for number, (query, answer) in enumerate(zip(QUERIES, ANSWERS, strict=True)):
        start = len(query) - 1 if kind == "causal" else 0
        rows.append(_numbers(tensor[number, start : start + len(answer)]))
    return rows


def _one_step(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    trainer = _make_trainer(kind, settings)
    start = [] if kind == "causal" else [PAD]
    queries = [torch.tensor(row) for row in QUERIES]
    answers = [torch.tensor(start + row) for row in ANSWERS]
    scores = torch.tensor(SCORES)
    inputs = trainer.prepare_model_inputs(queries, answers)
    with torch.no_grad():
        passed = trainer.batched_forward_pass(trainer.model, queries, answers, inputs)
        log_probs, _, values, mask = passed
        reference = trainer.batched_forward_pass(trainer.ref_model, queries, answers, inputs)[0]
        rewards, _, kl = trainer.compute_rewards(scores, log_probs, reference, mask)
        _, advantages, returns = trainer.compute_advantages(values, rewards, mask)
    tensors = {
        "mask": mask,
        "log_probs": log_probs,
        "reference": reference,
        "values": values,
        "kl": kl,
        "rewards": rewards,
        "advantages": advantages,
        "returns": returns,
    }
    stats = trainer.step(queries, answers, list(scores))
    return {
        "settings": {"horizon": 100, **settings},
        **{name: _of_answers(kind, tensor) for name, tensor in tensors.items()},
        "stats": {
            name: float(f"{float(np.mean(stats[f'ppo/{key}'])):.9g}")
            for name, key in {
                "loss/policy": "loss/policy",
                "loss/value": "loss/value",
                "entropy": "policy/entropy",
                "clip/policy": "policy/clipfrac",
                "clip/value": "val/clipfrac",
                "approximate_kl": "policy/approxkl",
            }.items()
        },
        "kl_coefficient_after": float(trainer.kl_ctl.value),
        "parameters_after": {
            name: _numbers(value) for name, value in trainer.model.named_parameters()
        },
    }


def _formulas() -> dict[str, Any]:
    """TRL's own functions on `fixed_tensors`."""
    from trl.core import entropy_from_logits, masked_whiten
    from trl.trainer.utils import AdaptiveKLController

    given = fixed_tensors()
    trainer = _make_trainer("causal", {"gamma": 0.97, "lam": 0.9})
    _, advantages, returns = trainer.compute_advantages(
        given["values"], given["rewards"], given["mask"]
    )
    loss, error, stats = trainer.loss(
        given["old"],
        given["old_values"],
        given["logits"],
        given["values"],
        given["new"],
        given["mask"],
        given["advantages"],
        given["returns"],
    )
    control, coefficients = AdaptiveKLController(0.2, 6.0, 1000), []
    for kl in (0.0, 5.0, 6.0, 6.5, 30.0):
        control.update(kl, 64)
        coefficients.append(float(control.value))
    return {
        "advantages": _numbers(advantages * given["mask"]),
        "returns": _numbers(returns * given["mask"]),
        "whitened": _numbers(masked_whiten(given["rewards"], given["mask"])),
        "whitened_around_mean": _numbers(
            masked_whiten(given["rewards"], given["mask"], shift_mean=False)
        ),
        "policy_loss": _numbers(loss),
        "weighted_value_loss": _numbers(error),
        "policy_clipped": _numbers(stats["policy/clipfrac"]),
        "value_clipped": _numbers(stats["val/clipfrac"]),
        "entropy": _numbers(entropy_from_logits(given["logits"])),
        "coefficients": coefficients,
    }


def main() -> None:
    """Compute everything and write it to the file that is named."""
    torch.set_num_threads(1)
    packages = ("trl", "transformers", "torch", "numpy", "accelerate")
    made: dict[str, Any] = {
        "made_by": "benchmarks/ppo_reference.py, which says how",
        "versions": {name: version(name) for name in packages},
        "formulas": _formulas(),
    }
    for kind in KINDS:
        made[kind] = {name: _one_step(kind, settings) for name, settings in SETTINGS.items()}
    Path(sys.argv[1]).write_text(json.dumps(made) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
