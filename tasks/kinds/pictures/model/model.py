"""Visual question answering as one model: two encoders, and a decoder that attends over both.

The chapter (seeds/003) hands the decoder one vector, the average of the two encoders' means. A
softmax over one place is 1 whatever is asked of it, so its cross-attention can choose nothing:
it adds the same vector to every token. Here the decoder attends over the whole sequence of text
tokens and image patches; `fusion=mean` keeps the chapter's way for comparison.

`fusion=product` is for questions too few to learn from where to look. The decoder attends over
the one vector

    m = gelu(W_t t + b_t) * (1 + W_v v + b_v)

where t is the mean of the text's normed states, and v the mean of the picture's whitened states
(`whitening.py`) beside its first normed state, which is [CLS] in most encoders (as in DINOv2's
linear evaluation, Oquab et al. 2023, arXiv:2304.07193). This is the point-wise product of Antol et
al. 2015 (arXiv:1505.00468) with the one of FiLM (Perez et al. 2018, arXiv:1709.07871): a picture
that says nothing leaves the question as it is. W_v starts small, so that training begins close to
the model without the picture.
"""

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu
from transformers import AutoModel, AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.initialization import normal_
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from tasks.kinds.pictures.model.config import MultimodalConfig
from tasks.kinds.pictures.model.whitening import Whitening

IGNORED = -100
"""The label of a place that is not learnt: padding."""
_INTERPOLATE = "interpolate_pos_encoding"
_COMPONENTS = 128
"""Of a picture's states that `fusion=product` keeps."""
_FIRST_STATE = 0.5
"""Its weight beside the whitened mean, which varies about as much."""
_SMALL_START = 0.5
"""Of the scale at which the picture's factor starts, with `fusion=product`."""


@dataclass(frozen=True)
class Memory:
    """What the decoder attends over.

    Attributes:
        states: (batch, places, decoder's width): text tokens, then patches; one place
            with `mean` and `product`.
        mask: (batch, places), 1 where something stands.
    """

    states: Tensor
    mask: Tensor


class MultimodalModel(PreTrainedModel, GenerationMixin):
    """Answers questions about pictures.

    `generate` is the library's: greedy or beams, in batches, with a cache of keys and values; the
    encoders run once for it. In place of `input_ids` and `pixel_values`, what the encoders make
    of them can be given everywhere (`text_states`, `image_states`), so that a frozen encoder
    need not run again.
    """

    config_class = MultimodalConfig
    base_model_prefix = "multimodal"
    main_input_name = "input_ids"
    input_modalities = ("text", "image")
    _supports_sdpa = True

    def __init__(
        self,
        config: MultimodalConfig,
        text_encoder: PreTrainedModel | None = None,
        image_encoder: PreTrainedModel | None = None,
        decoder: PreTrainedModel | None = None,
    ) -> None:
        """Join the given parts, or new ones that `config` describes (as `from_pretrained` does)."""
        super().__init__(config)
        self.text_encoder = text_encoder or AutoModel.from_config(config.text_encoder)
        self.image_encoder = image_encoder or AutoModel.from_config(config.image_encoder)
        self.decoder = decoder or AutoModelForCausalLM.from_config(config.decoder)
        for encoder in (self.text_encoder, self.image_encoder):
            if getattr(encoder, "pooler", None) is not None:
                encoder.pooler = None  # nothing reads it, so it could not learn
        # Encoders' states differ in scale (DINOv2's are four times MiniLM's): unless both are
        # brought to one, attention lies on the larger alone.
        self.text_norm = nn.LayerNorm(config.text_encoder.hidden_size)
        self.image_norm = nn.LayerNorm(config.image_encoder.hidden_size)
        width = config.decoder.hidden_size
        self.text_projection = nn.Linear(config.text_encoder.hidden_size, width)
        seen = config.image_encoder.hidden_size
        self.whitening = None
        if config.fusion == "product":
            components = min(seen, _COMPONENTS)
            self.whitening = Whitening(seen, components)
            seen += components
        self.image_projection = nn.Linear(seen, width)
        self.text_dropout = nn.Dropout(config.text_dropout)
        self.image_dropout = nn.Dropout(config.image_dropout)
        self.fused_dropout = nn.Dropout(config.fused_dropout)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Projections start so that they keep the scale of the encoders' states.

        The library's 0.02 would hand the decoder keys and values near zero, for no norm stands
        behind them: answers then depend on the picture too little for its encoder to be taught.
        """
        super()._init_weights(module)
        if module is self.text_projection or module is self.image_projection:
            small = module is self.image_projection and self.config.fusion == "product"
            scale = _SMALL_START if small else 1.0
            normal_(module.weight, std=scale * module.in_features**-0.5)

    def get_input_embeddings(self) -> nn.Module:
        """The decoder's: `resize_token_embeddings` speaks of answers."""
        return self.decoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """The decoder's."""
        return self.decoder.get_output_embeddings()

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`, but a frozen encoder has no dropout.

        What it computes is then the same in every epoch, stored or not.
        """
        super().train(mode)
        for encoder in (self.text_encoder, self.image_encoder):
            if not any(parameter.requires_grad for parameter in encoder.parameters()):
                encoder.eval()
        return self

    def text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The text encoder's last hidden states, (batch, tokens, its width)."""
        return self.text_encoder(input_ids=input_ids, attention_mask=attention_mask)[0]

    def image_features(self, pixel_values: Tensor) -> Tensor:
        """The image encoder's last hidden states, (batch, patches, its width).

        Among the patches is what else the encoder puts beside them ([CLS], registers).
        """
        return self.image_encoder(pixel_values=pixel_values, **self._other_sizes)[0]

    @cached_property
    def _other_sizes(self) -> dict[str, bool]:
        """For encoders that take pictures of other sizes than their own only when told to."""
        takes = inspect.signature(self.image_encoder.forward).parameters
        return {_INTERPOLATE: True} if _INTERPOLATE in takes else {}

    def encode(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        text_states: Tensor | None = None,
        image_states: Tensor | None = None,
        image_rows: Tensor | None = None,
    ) -> Memory:
        """What the decoder attends over, from questions and pictures or from their features.

        Args:
            input_ids: (batch, tokens) of the questions, unless `text_states` are given.
            attention_mask: (batch, tokens), 1 for real tokens; none where no token is padding.
            pixel_values: (batch, channels, height, width), unless `image_states` are given.
            text_states: (batch, tokens, width) of `text_features`, of any precision.
            image_states: (batch, patches, width) of `image_features`, of any precision.
            image_rows: (batch,) where several questions are about one picture: the place of each
                question's among `pixel_values` or `image_states`, which then hold it once.
        """
        if attention_mask is None:
            given = input_ids if text_states is None else text_states
            if given is None:
                raise ValueError("encode needs input_ids or text_states")
            attention_mask = given.new_ones(given.shape[:2], dtype=torch.long)
        if text_states is None:
            if input_ids is None:
                raise ValueError("encode needs input_ids or text_states")
            text_states = self.text_features(input_ids, attention_mask)
        if image_states is None:
            if pixel_values is None:
                raise ValueError("encode needs pixel_values or image_states")
            image_states = self.image_features(pixel_values)
        text_states = self.text_norm(text_states.to(self.text_norm.weight.dtype))
        image_states = self._image_inputs(image_states.to(self.image_norm.weight.dtype))
        if self.config.fusion != "sequence":
            # A projection of a mean is the mean of projections, so the means come first.
            text_states = masked_mean(text_states, attention_mask).unsqueeze(1)
            attention_mask = attention_mask.new_ones(text_states.shape[:2])
        text = self.text_projection(self.text_dropout(text_states))
        image = self.image_projection(self.image_dropout(image_states))
        image = image if image_rows is None else image[image_rows]
        match self.config.fusion:
            case "mean":
                states, mask = (text + image) / 2, attention_mask
            case "product":
                states, mask = gelu(text) * (1 + image), attention_mask
            case _:
                states = torch.cat([text, image], 1)
                mask = torch.cat([attention_mask, attention_mask.new_ones(image.shape[:2])], 1)
        return Memory(self.fused_dropout(states), mask)

    def _image_inputs(self, states: Tensor) -> Tensor:
        """(pictures, places, features) for the projection; one place but for `sequence`."""
        if self.whitening is not None:
            first = _FIRST_STATE * self.image_norm(states[:, :1])
            return torch.cat([self.whitening(states.mean(1, keepdim=True)), first], -1)
        normed = self.image_norm(states)
        return normed if self.config.fusion == "sequence" else normed.mean(1, keepdim=True)

    @property
    def fitted(self) -> frozenset[str]:
        """Names of what is neither trained nor in a checkpoint of the parts: fitted to data."""
        if self.whitening is None:
            return frozenset()
        return frozenset({"whitening.mean", "whitening.matrix"})

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        labels: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        text_states: Tensor | None = None,
        image_states: Tensor | None = None,
        image_rows: Tensor | None = None,
        encoder_outputs: BaseModelOutput | None = None,
        memory_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> Seq2SeqLMOutput:
        """Logits of the answers' tokens, and the loss where labels are given.

        Args:
            input_ids: this and the others that are not named here as in `encode`.
            attention_mask: see there.
            pixel_values: see there.
            labels: (batch, tokens) of the answers with their end token, -100 for padding.
            decoder_input_ids: (batch, tokens) from the begin token on; by default the labels,
                moved one place to the right.
            text_states: see there.
            image_states: see there.
            image_rows: see there.
            encoder_outputs: a `Memory`'s states, where it is there already; `memory_mask` with it.
            memory_mask: the `Memory`'s mask.
            past_key_values: the cache of earlier tokens' keys and values.
            use_cache: return one.
            num_items_in_batch: tokens by which the summed loss is divided (gradient
                accumulation); by default the batch's own.
            kwargs: for the decoder (`output_attentions`).
        """
        if encoder_outputs is None:
            memory = self.encode(
                input_ids, attention_mask, pixel_values, text_states, image_states, image_rows
            )
        else:
            states = encoder_outputs[0]
            mask = memory_mask if memory_mask is not None else states.new_ones(states.shape[:2])
            memory = Memory(states, mask)
        if decoder_input_ids is None:
            if labels is None:
                raise ValueError("forward needs labels or decoder_input_ids")
            decoder_input_ids = self.moved_right(labels)
        # Padding stands behind an answer's end, where causal attention does not look.
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        batch, tokens = decoder_input_ids.shape
        written = self.decoder(
            input_ids=decoder_input_ids,
            attention_mask=decoder_input_ids.new_ones((batch, past + tokens)),
            encoder_hidden_states=memory.states,
            encoder_attention_mask=memory.mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            **kwargs,
        )
        loss = None
        if labels is not None:
            summed = cross_entropy(
                written.logits.flatten(0, 1).float(),
                labels.flatten(),
                ignore_index=IGNORED,
                reduction="sum",
            )
            loss = summed / (num_items_in_batch or (labels != IGNORED).sum())
        return Seq2SeqLMOutput(
            loss=loss,
            logits=written.logits,
            past_key_values=written.past_key_values,
            cross_attentions=written.cross_attentions,
            encoder_last_hidden_state=memory.states,
        )

    def moved_right(self, labels: Tensor) -> Tensor:
        """The decoder's input for labels: the begin token, then all labels but the last."""
        begin = labels.new_full((len(labels), 1), self.config.decoder_start_token_id)
        before = torch.cat([begin, labels[:, :-1]], 1)
        return before.masked_fill(before == IGNORED, self.config.pad_token_id)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        text_states: Tensor | None = None,
        image_states: Tensor | None = None,
        image_rows: Tensor | None = None,
        memory: Memory | None = None,
        **options: Any,
    ) -> Any:
        """As the library's `generate`, on inputs as in `encode`, which runs once.

        Args:
            input_ids: this and the five below as in `encode`.
            attention_mask: see there.
            pixel_values: see there.
            text_states: see there.
            image_states: see there.
            image_rows: see there.
            memory: what `encode` made of them, in their place.
            options: the library's (`max_new_tokens`, `num_beams`, …).

        Returns:
            (batch, tokens) that begin with the begin token; after the end token, pad tokens.
        """
        if memory is None:
            memory = self.encode(
                input_ids, attention_mask, pixel_values, text_states, image_states, image_rows
            )
        return super().generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory.states),
            memory_mask=memory.mask,
            **options,
        )


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of the states that the mask keeps, (batch, width)."""
    kept = mask.unsqueeze(-1).to(states.dtype)
    return (states * kept).sum(1) / kept.sum(1).clamp_min(1)
