"""The loss of a reward model: Bradley and Terry 1952, as in Ouyang et al. 2022, equation 1.

The probability that answer j is preferred to answer k is sigmoid(r_j - r_k). The loss of a pair is
-log of it; with a margin m, as in Llama 2 (Touvron et al. 2023, section 3.2.2), it is
-log sigmoid(r_j - r_k - m): the better answer has to be better by m.

Every argument is one number a pair. The chapter compared rewards of shape (pairs, 1) with scores of
shape (pairs,), which broadcasts to (pairs, pairs) and lets each pair learn from the others' scores.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """The mean loss over pairs, a scalar.

    Args:
        chosen, rejected: (pairs,) rewards of the better and of the worse answer.
        margin: (pairs,), 0 for none.

    Raises:
        ValueError: the three are not of one shape (pairs,).
    """
    if not chosen.shape == rejected.shape == margin.shape or chosen.ndim != 1:
        raise ValueError(
            f"one number a pair is needed, and there are {tuple(chosen.shape)}, "
            f"{tuple(rejected.shape)} and {tuple(margin.shape)}"
        )
    return -logsigmoid(chosen - rejected - margin).mean()
