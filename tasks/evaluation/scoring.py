"""What a case's labels mean: all that its figures have to know beside truth and answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.config.base import Task
from tasks.config.case import CaseConfig
from tasks.config.data import positive_index
from tasks.evaluation.ordinal import Scale, scale_of


@dataclass(frozen=True)
class Scoring:
    """How answers to a case are scored.

    Attributes:
        task: what the labels mean, where rows have labels; else what the rows are.
        positive: column of the positive class of a two-class case: its figures are added.
        scale: the number that each class of an ordered case stands for: the figures of a scale
            (`ordinal.py`) are added.
    """

    task: Task = "multi_label"
    positive: int | None = None
    scale: Scale | None = None

    @classmethod
    def of(cls, config: CaseConfig, labels: Sequence[str]) -> "Scoring":
        """That of a case whose data have these labels, in column order.

        Raises:
            RequestError: `data.positive` is not one of two labels, or the labels of an ordered
                case are no numbers.
        """
        return cls(
            config.task,
            positive_index(labels, config.data.positive),
            scale_of(labels, config.evaluation.ordered),
        )


MULTI_LABEL = Scoring()
