"""(IA)3: a learned factor for every output of every linear layer, through PEFT."""

from typing import TYPE_CHECKING

from tasks.config.strategies.base import Strategy

if TYPE_CHECKING:
    from peft import IA3Config


class IA3(Strategy):
    """One factor for each output of every linear layer trains, and the head.

    Liu, Tam, Muqeeth, Mohta, Huang, Bansal and Raffel, Few-Shot Parameter-Efficient Fine-Tuning is
    Better and Cheaper than In-Context Learning, NeurIPS 2022. The paper scales keys, values and
    the inner states of the MLP; what those are called differs by family, so that here all outputs
    are scaled, those among them. Factors start at 1, so that the model starts as it was, and no
    weight decay pulls them to 0.
    """

    forms = ("ia3",)
    rate_field = "lora_learning_rate"
    trunk_obstacle = "(IA)3 changes every block"
    decays = False

    def trains(self, parameter: str) -> bool:
        """See `Strategy`."""
        return ".ia3_" in parameter

    def adapter(self, dropout: float, transposed: bool) -> "IA3Config":
        """See `Strategy`; nothing is dropped, since the factors read nothing."""
        from peft import IA3Config  # takes seconds to import

        return IA3Config(
            target_modules="all-linear", feedforward_modules=[], fan_in_fan_out=transposed
        )
