"""TRL's RLOO and GRPO trainers, on a `Policy`'s answers and figures.

What is TRL's: how rewards become advantages, the losses and the updates. What is not, because
TRL's own would be another thing than the policy that PPO trains and the held-out prompts measure:

- **Draws.** TRL hands a text to the tokenizer (which adds its special tokens, or a chat template)
  and generates with whatever the model's file says of it. Here the prompts' token ids are read,
  and `Policy.sample` draws.
- **Log-probabilities.** TRL passes no positions, so that GPT-2 reads a prompt that is padded on the
  left as if it stood elsewhere, and on a CPU it multiplies prompts and padding with the vocabulary
  too. Here `Policy.evaluate` says them.
- **The reference.** TRL reads it anew from the folder or hub id that the model's configuration
  names, which for a fine-tuned model is the untuned one. Here it is the policy's.

Methods whose names begin with an underscore are TRL's own; `conf/constraints.txt` pins its version.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import trl
from datasets import Dataset
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)

from tasks.errors import RequestError
from tasks.kinds.policy.course import Course, rows_of_step
from tasks.kinds.policy.rollout import Sampled, sample
from tasks.kinds.policy.update import diverged

LOGGED = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clip/policy",
}
"""TRL's names of what it logs -> Thaw's."""


class PolicyTrainer(Trainer):
    """What both trainers have in common; comes before TRL's class in the order of methods."""

    sampled: Sampled
    rows: Tensor

    def __init__(self, course: Course, settings: dict[str, Any]) -> None:
        self.course = course
        arguments = self.settings_class(**settings)
        if arguments.n_gpu > 1:
            raise RequestError(
                f"rl.algorithm={course.config.algorithm} takes one GPU a process, and "
                f"{arguments.n_gpu} are visible: set CUDA_VISIBLE_DEVICES to one of them, or "
                "rl.algorithm=ppo."
            )
        super().__init__(
            model=course.policy.model,
            args=arguments,
            reward_funcs=[self._part(reward.name) for reward in course.rewards],
            train_dataset=_prompts(course),
            processing_class=course.policy.tokenizer,
            optimizers=(course.optimizer, _RatesOfCourse(course.optimizer)),
        )
        course.policy.model.__dict__.pop("forward", None)  # TRL's detour, which is not used here
        # TRL asks whether there is one, and passes it to the method below, which knows the answer.
        self.ref_model = course.policy.reference or nn.Identity()
        for noisy in (PrinterCallback, ProgressCallback):
            self.remove_callback(noisy)
        self.add_callback(_EndOfStep(self))

    def _part(self, name: str) -> Callable[..., list[float]]:
        """A part of the reward as TRL's trainers take it: what it said of the step's answers."""

        def score(**_: Any) -> list[float]:
            part: list[float] = self.sampled.scores.parts[name].tolist()
            return part

        score.__name__ = name
        return score

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Draw and score the step's answers, and let TRL make advantages of them."""
        course = self.course
        course.policy.eval()
        self.sampled = sample(
            course.policy,
            [course.queries[row["row"]] for row in inputs],
            course.rewards,
            course.config,
            course.draws,
        )
        course.policy.model.train()  # TRL tells training from evaluation by it
        self.beta = course.control.coefficient
        # TRL shuffles the answers by the process's random numbers; a resumed run has to, too.
        torch.manual_seed(int(torch.randint(2**62, (), generator=course.order)))
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return output | {"rows": torch.arange(len(inputs))}

    def _compute_loss(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        """TRL's loss of some answers; which ones the method below needs to know."""
        self.rows = inputs["rows"]
        loss: Tensor = super()._compute_loss(model, inputs)
        return loss

    def _tokenize_prompts(self, prompts: Sequence[str]) -> tuple[list[list[int]], None, dict]:
        """The prompts' token ids as the policy read them; no images."""
        read = self.sampled.prompts
        ids = [row[mask].tolist() for row, mask in zip(read.ids, read.mask.bool(), strict=True)]
        return ids, None, {}

    def _get_per_token_logps_and_entropies(
        self,
        model: nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        *_: Any,
        **__: Any,
    ) -> tuple[Tensor, Tensor | None, None]:
        """Log-probabilities of the answers and entropies, (answers, tokens) each.

        TRL asks without gradients for what is known since the answers were drawn, and with them
        for what the policy says now.
        """
        sampled = self.sampled
        if not torch.is_grad_enabled():
            known = sampled.reference if model is self.ref_model else sampled.log_probs
            return known * sampled.answers.mask, None, None
        policy = self.course.policy
        for child in policy.model.children():
            child.eval()  # no dropout: see `policy.py`
        answers = sampled.answers.take(self.rows)
        found = policy.evaluate(sampled.prompts.take(self.rows), answers)
        behind = (0, logits_to_keep - answers.ids.shape[1])
        pad = nn.functional.pad
        return pad(found.log_probs * answers.mask, behind), pad(found.entropy, behind), None


class RLOO(PolicyTrainer, trl.RLOOTrainer):
    """REINFORCE with each answer's siblings as its baseline: Ahmadian et al. 2024 (2402.14740)."""

    settings_class = trl.RLOOConfig

    def _generate_single_turn(self, *_: Any, **__: Any) -> list[list[int]]:
        return self.sampled.answers.rows()


class GRPO(PolicyTrainer, trl.GRPOTrainer):
    """Advantages from each answer's group: Shao et al. 2024 (2402.03300), with TRL's defaults for
    the rest (the loss of DAPO, which weighs every token alike, as PPO's does)."""

    settings_class = trl.GRPOConfig

    def _generate_single_turn(self, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        return self.sampled.answers.rows(), None


TRAINERS: dict[str, type[PolicyTrainer]] = {"rloo": RLOO, "grpo": GRPO}


class _RatesOfCourse(LRScheduler):
    """No schedule of its own: `Course` sets the learning rates, step by step."""

    def get_lr(self) -> list[float | Tensor]:
        """Those that stand."""
        return [group["lr"] for group in self.optimizer.param_groups]


class _EndOfStep(TrainerCallback):
    """Collects what is logged of each update, and ends a step of the course after its last."""

    def __init__(self, trainer: PolicyTrainer) -> None:
        self.trainer = trainer
        self.seen: defaultdict[str, list[float]] = defaultdict(list)

    def on_log(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Take note of an update's figures."""
        if logs is None or "loss" not in logs:  # the summary at the end
            return
        course = self.trainer.course
        if not math.isfinite(logs["loss"]):
            raise diverged(course.config)
        for theirs, ours in LOGGED.items():
            if theirs in logs:
                self.seen[ours].append(logs[theirs])
        passes = args.steps_per_generation * args.num_iterations
        if state.global_step % (passes // args.gradient_accumulation_steps) == 0:
            means = {name: sum(values) / len(values) for name, values in self.seen.items()}
            self.seen.clear()
            course.end_step(course.figures(self.trainer.sampled) | means)
            control.should_training_stop = not course.going


def _prompts(course: Course) -> Dataset:
    """The prompts of all steps that are left, in their order: what to answer, and its row."""
    config = course.config
    rows = [
        row
        for step in range(course.progress.step, config.steps)
        for row in rows_of_step(
            step, len(course.queries), config.batch_size // config.generations, config.seed
        )
    ]
    return Dataset.from_dict({"prompt": [course.queries[row].text for row in rows], "row": rows})
