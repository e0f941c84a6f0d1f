"""BitFit: of a base model its biases alone train.

Ben Zaken, Goldberg and Ravfogel, BitFit: Simple Parameter-efficient Fine-tuning for Transformer-
based Masked Language-models, ACL 2022: about 0.08 % of BERT's parameters, norms' biases included.
"""

from tasks.config.strategies.base import Strategy


class BitFit(Strategy):
    """The biases of every layer train, and the head; decoders of Llama's family have none."""

    forms = ("bitfit",)
    rate_field = "lora_learning_rate"  # the paper's rates for biases are what suits LoRA
    trunk_obstacle = "BitFit trains biases in every block"
    needs = "biases"

    def trains(self, parameter: str) -> bool:
        """See `Strategy`."""
        return parameter.endswith(".bias")
