"""The configuration of the joined model: those of its three parts, how they meet, three tokens."""

from typing import Any, ClassVar, Literal

from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

Fusion = Literal["sequence", "mean", "product"]


class MultimodalConfig(PreTrainedConfig):
    """What `MultimodalModel` is built from; `config.json` beside its weights.

    Attributes:
        text_encoder: configuration of the model that reads the question.
        image_encoder: configuration of the model that reads the picture.
        decoder: configuration of the model that writes the answer, with cross-attention.
        fusion: `sequence`: the decoder attends over every text token and every patch; `mean`:
            over one vector, the mean of the two encoders' means (the chapter's way); `product`:
            over one vector, the text's mean times one plus the picture's.
        text_dropout: share of the text encoder's features that training leaves out.
        image_dropout: the same of the image encoder's.
        fused_dropout: the same of what the decoder attends over.
        pad_token_id: fills up answers; never the end token, whose learning it would mask.
        decoder_start_token_id: the begin token, from which an answer is written.
        eos_token_id: the end token, with which an answer stops.
    """

    model_type = "thaw_multimodal"
    sub_configs_defaults: ClassVar[dict[str, SubConfigSpec]] = {
        "text_encoder": SubConfigSpec(AutoConfig, "bert"),
        "image_encoder": SubConfigSpec(AutoConfig, "vit"),
        "decoder": SubConfigSpec(AutoConfig, "gpt2", {"add_cross_attention": True}),
    }

    # Given as configurations, or as the mappings that config.json holds; kept as configurations.
    text_encoder: Any = None
    image_encoder: Any = None
    decoder: Any = None
    fusion: Fusion = "sequence"
    text_dropout: float = 0.0
    image_dropout: float = 0.0
    fused_dropout: float = 0.0
    is_encoder_decoder: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    decoder_start_token_id: int | None = None

    def get_text_config(
        self, decoder: bool | None = None, encoder: bool | None = None
    ) -> PreTrainedConfig:
        """The decoder's, unless the encoder's is asked for: both read text, only one writes."""
        return self.text_encoder if encoder and not decoder else self.decoder
