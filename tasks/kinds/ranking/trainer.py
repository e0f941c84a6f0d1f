"""The Trainer of a reward model: the loss of a batch of pairs from one forward pass."""

from typing import Any

from torch import Tensor, nn
from torch.utils.data import Sampler

from tasks.kinds.ranking.batching import QueryOrder
from tasks.kinds.ranking.loss import bradley_terry
from tasks.training.trainer import MeasuredTrainer


class RewardTrainer(MeasuredTrainer):
    """An arm's Trainer on pairs, as `batching.PairCollator` makes them."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The mean loss of the pairs; with outputs, the rewards of (responses,) behind it."""
        chosen, rejected, margin = (inputs.pop(name) for name in ("chosen", "rejected", "margin"))
        rewards = model(**inputs)["logits"].squeeze(1)
        loss = bradley_terry(rewards[chosen], rewards[rejected], margin)
        return (loss, {"rewards": rewards}) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        """Pairs of a query together, unless the rows shall come in their stored order."""
        strategy = self.args.train_sampling_strategy
        if strategy == "sequential":
            return super()._get_train_sampler(train_dataset)
        pairs = self.train_dataset if train_dataset is None else train_dataset
        return QueryOrder(pairs, self.args.train_batch_size, strategy == "group_by_length")
