"""Two ways to do the same step of PPO: the chapter's loop, and Thaw's."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import set_seed

from tasks.config import RLConfig
from tasks.kinds.policy.causal import CausalPolicy
from tasks.kinds.policy.rewards import Reward, Scores, score_answers
from tasks.kinds.policy.rollout import Query, Sampled, collect, sample
from tasks.kinds.policy.tokens import Answers, Prompts, pad_answers
from tasks.kinds.policy.update import learn, make_optimizer

WAYS = {
    "chapter": "(a) one answer at a time, three passes",
    "thaw_fp32": "(b) Thaw, float32",
    "thaw_bf16": "(c) Thaw, bf16",
}
NEVER = -1  # no token has this number


@dataclass(frozen=True)
class Step:
    """One measured step.

    Attributes:
        drawing: seconds until all answers stood there.
        reading: seconds of the rewards and of all passes before learning.
        learning: seconds of the updates.
        cpu: seconds that the process computed in all that, on all cores: other work on the machine
            does not count into it.
    """

    drawing: float
    reading: float
    learning: float
    cpu: float

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return self.drawing + self.reading + self.learning


@dataclass(frozen=True)
class Setting:
    """What the ways have in common."""

    policies: Mapping[str, "FullLengthPolicy"]
    queries: Sequence[Query]
    reward: Reward
    config: RLConfig
    title: str


class FullLengthPolicy(CausalPolicy):
    """Writes on until there is no room left, and notes when it was done."""

    drawn_at: float = 0.0

    def sample(
        self, prompts: Prompts, most: int, generator: torch.Generator
    ) -> tuple[Prompts, Answers]:
        """See `Policy.sample`."""
        self.end = NEVER
        drawn = super().sample(prompts, most, generator)
        self.drawn_at = time.perf_counter()
        return drawn


def measure(way: str, setting: Setting, seed: int) -> Step:
    """One step in that way; weights move on, by next to nothing."""
    policy, config = setting.policies[way], setting.config
    set_seed(seed)
    optimizer = make_optimizer(policy, config.learning_rate)
    rollout: Callable[[FullLengthPolicy, Setting, int], Sampled] = (
        chapter_rollout if way == "chapter" else thaw_rollout
    )
    started, computed = time.perf_counter(), time.process_time()
    sampled = rollout(policy, setting, seed)
    drawn_at, read_at = policy.drawn_at, time.perf_counter()
    learning = collect(sampled, config.kl_coefficient, config)
    learn(policy, optimizer, learning, config, torch.Generator().manual_seed(seed))
    return Step(
        drawing=drawn_at - started,
        reading=read_at - drawn_at,
        learning=time.perf_counter() - read_at,
        cpu=time.process_time() - computed,
    )


def thaw_rollout(policy: FullLengthPolicy, setting: Setting, seed: int) -> Sampled:
    """As `tasks/kinds/policy` does it."""
    generator = torch.Generator(policy.device).manual_seed(seed)
    return sample(policy, setting.queries, [setting.reward], setting.config, generator)


def chapter_rollout(policy: FullLengthPolicy, setting: Setting, seed: int) -> Sampled:
    """As the chapter's loop does it: answer by answer, then three passes over all of them.

    Its draws follow the process's random numbers, as `generate` does.
    """
    config, queries = setting.config, setting.queries
    rows = [_generate(policy, query.ids, config.max_new_tokens) for query in queries]
    policy.drawn_at = time.perf_counter()
    prompts = policy.read([query.ids for query in queries])
    answers = pad_answers(rows, policy.tokenizer.pad_token_id, policy.device)
    texts = policy.texts(answers)
    scores = [
        score_answers([setting.reward], [query.text], [text], [query.name]).total
        for query, text in zip(queries, texts, strict=True)
    ]
    passes = [
        lambda *given: policy.evaluate(*given).log_probs,
        policy.reference_log_probs,
        lambda *given: policy.evaluate(*given).values,
    ]
    with torch.no_grad():
        log_probs, reference, values = (
            torch.cat(
                [
                    each(prompts.take(part), answers.take(part))
                    for part in torch.arange(len(queries)).split(config.mini_batch_size)
                ]
            )
            for each in passes
        )
    total = np.concatenate(scores)
    return Sampled(
        prompts, answers, texts, Scores(total, {"random": total}), log_probs, values, reference
    )


def _generate(policy: FullLengthPolicy, ids: Sequence[int], most: int) -> list[int]:
    """One answer, as transformers draws it."""
    given = torch.tensor([list(ids)], device=policy.device)
    with torch.no_grad():
        text = policy.model.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            min_new_tokens=most,
            max_new_tokens=most,
            pad_token_id=policy.tokenizer.pad_token_id,
        )
    answer: list[int] = text[0, given.shape[1] :].tolist()
    return answer
