"""Low-rank updates of every linear layer, through PEFT; merged into the weights afterwards."""

from typing import TYPE_CHECKING, ClassVar

from tasks.config.strategies.base import Strategy

if TYPE_CHECKING:
    from peft import LoraConfig


class Lora(Strategy):
    """LoRA's two small matrices of rank r beside every linear layer train, and the head.

    All of attention's and the MLP's projections, in every family: PEFT's table per family names
    two of attention's at most and lacks DistilBERT, and adapting all was found to be what it
    takes to come up to full fine-tuning (Dettmers et al. 2023, QLoRA, figure 2). The update is
    scaled by alpha / rank = 2. It starts at zero, so that the model starts as it was.
    """

    forms = ("lora_<r>",)
    rate_field = "lora_learning_rate"
    trunk_obstacle = "LoRA changes every block"
    dora: ClassVar[bool] = False

    def trains(self, parameter: str) -> bool:
        """See `Strategy`."""
        return ".lora_" in parameter

    def adapter(self, dropout: float, transposed: bool) -> "LoraConfig":
        """See `Strategy`."""
        from peft import LoraConfig  # takes seconds to import

        return LoraConfig(
            r=self.number,
            lora_alpha=2 * self.number,
            lora_dropout=dropout,
            target_modules="all-linear",
            fan_in_fan_out=transposed,
            use_dora=self.dora,
        )


class Dora(Lora):
    """LoRA of a weight's direction, with the length of each of its rows trained beside it.

    Liu, Wang, Yin, Molchanov, Wang, Cheng and Chen, DoRA: Weight-Decomposed Low-Rank Adaptation,
    ICML 2024.
    """

    forms = ("dora_<r>",)
    trunk_obstacle = "DoRA changes every block"
    dora = True
