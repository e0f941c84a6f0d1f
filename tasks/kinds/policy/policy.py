"""What PPO asks of a model, whatever its architecture.

A policy draws answers, says how probable given answers are and what it expects of them, and knows
its reference: the model as it was before. `causal.py` and `encoder_decoder.py` are the two kinds.

Dropout is off throughout, as in TRL: with it the same policy would give the same token another
probability at each pass, and the ratio of new to old would be noise.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.kinds.policy.formulas import chosen_log_probs
from tasks.kinds.policy.sampling import Stepper, draw
from tasks.kinds.policy.tokens import Answers, Prompts, TokenFigures, pad_answers
from tasks.models.anatomy import context_length


class ValueHead(nn.Linear):
    """What each token's last hidden state says of the reward to come: (..., width) to (...).

    It starts at zero: it expects nothing, and its gradient leaves the model as it is until it has
    learnt something.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Values in float32, under autocast too."""
        with torch.autocast(hidden.device.type, enabled=False):
            return super().forward(hidden.float()).squeeze(-1)


class Policy(nn.Module, ABC):
    """A language model, its value head and its reference.

    Args:
        model: with its output layer. What of it requires gradients is what trains.
        tokenizer: with an end and a pad token.
        bf16: compute in bf16 autocast; log-probabilities, values and losses stay in float32.
        temperature: of the policy itself and of its reference: what their logits are divided by,
            in draws and in probabilities alike, so that what is drawn is what is learnt.

    The reference is the model with its LoRA adapter off where it has one, and else a copy. The
    copy shares every parameter that does not train, so that it costs what trains and no more.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        bf16: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.model = model
        self.tokenizer = tokenizer
        self.bf16 = bf16
        self.end: int = tokenizer.eos_token_id
        self.value_head = ValueHead(model.config.hidden_size).to(model.device)
        self.adapted = any(isinstance(module, BaseTunerLayer) for module in model.modules())
        self.reference = None if self.adapted else frozen_copy(model)
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.value_head.weight.device

    @property
    def context(self) -> int | None:
        """Most tokens of what it reads; None where it sets no limit."""
        return context_length(self.model.config)

    @property
    @abstractmethod
    def shares_context(self) -> bool:
        """Whether prompt and answer stand in one context."""

    @abstractmethod
    def read(self, prompts: Sequence[Sequence[int]]) -> Prompts:
        """Token ids of prompts, each of at least one, as the other methods take them."""

    @abstractmethod
    def _stepper(self, prompts: Prompts) -> Stepper:
        """Begin to write behind prompts."""

    @abstractmethod
    def _forward(
        self, model: PreTrainedModel, prompts: Prompts, answers: Answers
    ) -> tuple[Tensor, Tensor]:
        """Logits (answers, tokens, vocabulary) of each answer's token, and the hidden states
        (answers, tokens, width) that they come from."""

    def sample(
        self, prompts: Prompts, most: int, generator: torch.Generator
    ) -> tuple[Prompts, Answers]:
        """Draw an answer to each prompt, of at most `most` tokens; see `sampling.draw`.

        Returns:
            Prompts and answers, with the states of a frozen part that drawing has run: the other
            methods go on from them.
        """
        with torch.no_grad(), self._precision():
            stepper = self._stepper(prompts)
            drawn = draw(stepper, len(prompts), most, self.end, generator, self.temperature)
        answers = pad_answers(drawn, self.tokenizer.pad_token_id, self.device)
        return stepper.with_states(prompts, answers)

    def evaluate(self, prompts: Prompts, answers: Answers) -> TokenFigures:
        """Log-probabilities and values of given answers; gradients flow unless switched off."""
        with self._precision():
            logits, hidden = self._forward(self.model, prompts, answers)
        log_probs = self._log_probs(logits)
        return TokenFigures(
            chosen_log_probs(log_probs, answers.ids), self.value_head(hidden), log_probs
        )

    @torch.no_grad()
    def reference_log_probs(self, prompts: Prompts, answers: Answers) -> Tensor:
        """Log-probabilities of given answers under the reference, (answers, tokens)."""
        with self._precision(), self._as_reference() as model:
            logits, _ = self._forward(model, prompts, answers)
        return chosen_log_probs(self._log_probs(logits), answers.ids)

    def _log_probs(self, logits: Tensor) -> Tensor:
        return (logits.float() / self.temperature).log_softmax(2)

    def texts(self, answers: Answers) -> list[str]:
        """The answers as a reader sees them: without special tokens and outer white space."""
        return [
            self.tokenizer.decode(
                row, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ).strip()
            for row in answers.rows()
        ]

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that train, by name: the value head's and the model's."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    @contextmanager
    def _as_reference(self) -> Iterator[PreTrainedModel]:
        if self.reference is not None:
            yield self.reference
            return
        with adapter_off(self.model):
            yield self.model


def frozen_copy(model: PreTrainedModel) -> PreTrainedModel:
    """The model as it is now; parameters that do not train are shared, not copied."""
    shared = {id(value): value for value in model.parameters() if not value.requires_grad}
    copied = copy.deepcopy(model, shared)
    return copied.requires_grad_(False).eval()


@contextmanager
def adapter_off(model: nn.Module) -> Iterator[None]:
    """The base model's own answers while the block runs."""
    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
