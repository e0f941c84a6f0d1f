"""A decoder as PPO's policy: prompt and answer are one text.

Where a strategy freezes the bottom of the model (`last_<n>`, `freeze_<n>`), policy and reference
are the same up to there, before and after every update. So those blocks run once over an answer,
while it is drawn; the old policy, the reference and the new policy in all of its epochs go on from
what they gave.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.sampling import Stepper
from tasks.kinds.policy.tokens import Answers, Prompts
from tasks.language.generating import pad_left
from tasks.models.anatomy import anatomy_of, blocks_of, frozen_parameters
from tasks.models.cutting import tail_of
from tasks.models.positions import position_ids


class CausalPolicy(Policy):
    """Prompts are padded on the left, so that every answer starts in the same column; positions
    are counted over real tokens, so that the padding shifts none.

    Attributes:
        depth: how many bottom blocks run once, because they are frozen with the embeddings; 0
            where none are.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        bf16: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(model, tokenizer, bf16, temperature)
        self.depth = frozen_depth(model)

    @property
    def shares_context(self) -> bool:
        """Prompt and answer stand in one context."""
        return True

    def read(self, prompts: Sequence[Sequence[int]]) -> Prompts:
        """See `Policy.read`."""
        ids, mask = pad_left(prompts, self.tokenizer.pad_token_id)
        return Prompts(ids.to(self.device), mask.to(self.device))

    def _stepper(self, prompts: Prompts) -> Stepper:
        return _CausalStepper(self.model, prompts, self.depth)

    def _forward(
        self, model: PreTrainedModel, prompts: Prompts, answers: Answers
    ) -> tuple[Tensor, Tensor]:
        # The last token predicts nothing that is asked for; each of the others the next one.
        mask = torch.cat([prompts.mask, answers.mask[:, :-1]], 1)
        tokens = answers.ids.shape[1]
        if prompts.states is not None and answers.states is not None:
            tail = tail_of(model.base_model, self.depth)
            hidden = tail(
                inputs_embeds=torch.cat([prompts.states, answers.states[:, :-1]], 1),
                attention_mask=mask,
                position_ids=position_ids(mask),
                use_cache=False,
            )[0][:, -tokens:]
            return model.get_output_embeddings()(hidden), hidden
        ids = torch.cat([prompts.ids, answers.ids[:, :-1]], 1)
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=position_ids(mask),
            use_cache=False,
            output_hidden_states=True,
            logits_to_keep=tokens,  # no vocabulary-wide row for the prompt's tokens
        )
        return output.logits, output.hidden_states[-1][:, -tokens:]


def frozen_depth(model: PreTrainedModel) -> int:
    """How many blocks from the bottom up no update reaches, the embeddings among what is frozen.

    The last block never counts: what it gives is behind the final norm where models show it. 0
    also for families whose blocks cannot be told apart.
    """
    backbone = model.base_model
    if anatomy_of(backbone).undivided:
        return 0
    depth = 0
    while depth < len(blocks_of(backbone)) - 1 and not any(
        value.requires_grad for value in frozen_parameters(backbone, depth + 1)
    ):
        depth += 1
    return depth


class _CausalStepper:
    """Writes with a cache, and keeps what the bottom `depth` blocks make of each token read."""

    def __init__(self, model: PreTrainedModel, prompts: Prompts, depth: int) -> None:
        self.model, self.depth = model, depth
        self.ids, self.mask = prompts.ids, prompts.mask
        self.positions = position_ids(prompts.mask)
        self.cache = DynamicCache(config=model.config)
        self.rows = torch.arange(len(prompts), device=prompts.ids.device)
        self.kept: list[tuple[Tensor, Tensor]] = []  # rows, and their states at the tokens read

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
            output_hidden_states=self.depth > 0,
            logits_to_keep=1,
        )
        if self.depth:
            self.kept.append((self.rows, output.hidden_states[self.depth]))
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Tensor) -> None:
        self.cache.batch_select_indices(rows)
        self.mask, self.positions = self.mask[rows], self.positions[rows]
        self.rows = self.rows[rows]

    def with_states(self, prompts: Prompts, answers: Answers) -> tuple[Prompts, Answers]:
        """An answer's last token was not read, and nothing that counts reads its states: 0."""
        if not self.depth:
            return prompts, answers
        (_, before), *behind = self.kept
        states = before.new_zeros((*answers.ids.shape, before.shape[2]))
        for token, (rows, found) in enumerate(behind):
            states[rows, token] = found[:, 0]
        return replace(prompts, states=before), replace(answers, states=states)
