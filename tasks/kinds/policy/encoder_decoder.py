"""An encoder-decoder as PPO's policy: the encoder reads the prompt, the decoder writes.

The encoder is frozen by default, with the embeddings that it shares with the decoder. Then each
prompt is encoded once, and its states serve the draws, the old policy, the new one in all of its
epochs, and the reference. An encoder that trains (`freeze_encoder=False`, or LoRA inside it)
gives each of them other states, and is run for each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.sampling import Stepper
from tasks.kinds.policy.tokens import Answers, Prompts, pad_answers


class EncoderDecoderPolicy(Policy):
    """See the module; arguments as for `Policy`.

    Args:
        freeze_encoder: off trains the encoder too, where its parameters require gradients.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        bf16: bool = False,
        freeze_encoder: bool = True,
        temperature: float = 1.0,
    ) -> None:
        encoder = model.get_encoder()
        if freeze_encoder:
            encoder.requires_grad_(False)
        super().__init__(model, tokenizer, bf16, temperature)
        self.encodes_once = not any(value.requires_grad for value in encoder.parameters())

    @property
    def shares_context(self) -> bool:
        """The decoder has a context of its own."""
        return False

    def read(self, prompts: Sequence[Sequence[int]]) -> Prompts:
        """See `Policy.read`; padded on the right, where BART's positions are not shifted."""
        rows = pad_answers(prompts, self.tokenizer.pad_token_id, self.device)
        read = Prompts(rows.ids, rows.mask)
        if not self.encodes_once:
            return read
        with torch.no_grad(), self._precision():
            return Prompts(read.ids, read.mask, _encode(self.model, read))

    def _stepper(self, prompts: Prompts) -> Stepper:
        return _DecoderStepper(self.model, prompts)

    def _forward(
        self, model: PreTrainedModel, prompts: Prompts, answers: Answers
    ) -> tuple[Tensor, Tensor]:
        # Behind the start token the decoder reads the answer without its last token.
        start = answers.ids.new_full((len(answers), 1), model.config.decoder_start_token_id)
        output = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=_encode(model, prompts)),
            attention_mask=prompts.mask,
            decoder_input_ids=torch.cat([start, answers.ids[:, :-1]], 1),
            decoder_attention_mask=torch.cat([torch.ones_like(start), answers.mask[:, :-1]], 1),
            use_cache=False,
            output_hidden_states=True,
        )
        return output.logits, output.decoder_hidden_states[-1]


def _encode(model: PreTrainedModel, prompts: Prompts) -> Tensor:
    """The encoder's last hidden states, (prompts, tokens, width), unless they are known."""
    if prompts.states is not None:
        return prompts.states
    states: Tensor = model.get_encoder()(
        input_ids=prompts.ids, attention_mask=prompts.mask
    ).last_hidden_state
    return states


class _DecoderStepper:
    def __init__(self, model: PreTrainedModel, prompts: Prompts) -> None:
        self.model = model
        self.states, self.mask = _encode(model, prompts), prompts.mask
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.ids = prompts.ids.new_full((len(prompts), 1), model.config.decoder_start_token_id)

    def step(self, tokens: Tensor | None) -> Tensor:
        if tokens is not None:
            self.ids = tokens.unsqueeze(1)
        output = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.states),
            attention_mask=self.mask,
            decoder_input_ids=self.ids,
            past_key_values=self.cache,
            use_cache=True,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Tensor) -> None:
        self.cache.batch_select_indices(rows)
        self.states, self.mask = self.states[rows], self.mask[rows]

    def with_states(self, prompts: Prompts, answers: Answers) -> tuple[Prompts, Answers]:
        return prompts, answers  # the encoder's are the prompts' already
