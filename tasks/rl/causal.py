"""A decoder as PPO's policy: prompt and answer are one text."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from tasks.language.generating import pad_left
from tasks.models.positions import position_ids
from tasks.rl.policy import Policy
from tasks.rl.sampling import Stepper
from tasks.rl.tokens import Answers, Prompts


class CausalPolicy(Policy):
    """Prompts are padded on the left, so that every answer starts in the same column; positions
    are counted over real tokens, so that the padding shifts none."""

    @property
    def shares_context(self) -> bool:
        """Prompt and answer stand in one context."""
        return True

    def read(self, prompts: Sequence[Sequence[int]]) -> Prompts:
        """See `Policy.read`."""
        ids, mask = pad_left(prompts, self.tokenizer.pad_token_id)
        return Prompts(ids.to(self.device), mask.to(self.device))

    def _stepper(self, prompts: Prompts) -> Stepper:
        return _CausalStepper(self.model, prompts)

    def _forward(
        self, model: PreTrainedModel, prompts: Prompts, answers: Answers
    ) -> tuple[Tensor, Tensor]:
        # The last token predicts nothing that is asked for; each of the others the next one.
        ids = torch.cat([prompts.ids, answers.ids[:, :-1]], 1)
        mask = torch.cat([prompts.mask, answers.mask[:, :-1]], 1)
        tokens = answers.ids.shape[1]
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=position_ids(mask),
            use_cache=False,
            output_hidden_states=True,
            logits_to_keep=tokens,  # no vocabulary-wide row for the prompt's tokens
        )
        return output.logits, output.hidden_states[-1][:, -tokens:]


class _CausalStepper:
    def __init__(self, model: PreTrainedModel, prompts: Prompts) -> None:
        self.model = model
        self.ids, self.mask = prompts.ids, prompts.mask
        self.positions = position_ids(prompts.mask)
        self.cache = DynamicCache(config=model.config)

    def step(self, tokens: Tensor | None) -> Tensor:
        if tokens is not None:
            self.ids = tokens.unsqueeze(1)
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
            self.positions = self.positions[:, -1:] + 1
        output = self.model(
            input_ids=self.ids,
            attention_mask=self.mask,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Tensor) -> None:
        self.cache.batch_select_indices(rows)
        self.mask, self.positions = self.mask[rows], self.positions[rows]
