"""What an arm's answers are worth: losses, answers, confidences, and the table of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.evaluation.calibration import bins_of
from tasks.evaluation.scored import put_scored
from tasks.kinds.pictures.answer_confidence import calibrated
from tasks.kinds.pictures.inputs import Inputs
from tasks.kinds.pictures.model.answering import Answer, answer_batch
from tasks.kinds.pictures.model.model import IGNORED, MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.questions import AskedPart
from tasks.kinds.pictures.scores import confidence, score_answers
from tasks.storage import TableRef
from tasks.training.predicting import device_of

KINDS = {"yes_no": "yes/no", "number": "number", "other": "other"}
"""Score of its own -> answer type."""


@dataclass(frozen=True)
class AnswerLosses:
    """How surprised a model is by each question's most frequent answer.

    Attributes:
        nats: (n,) -log p of the answer, end token included.
        tokens: (n,) how many those are.
    """

    nats: np.ndarray
    tokens: np.ndarray

    @property
    def loss(self) -> float:
        """Nats a token."""
        return float(self.nats.sum() / self.tokens.sum())

    @property
    def rows(self) -> np.ndarray:
        """(n,) each row's part in the loss: their mean is the loss."""
        return np.asarray(self.nats / self.tokens.mean())


def answer_losses(
    model: MultimodalModel, inputs: Inputs, part: AskedPart, batch_size: int, bf16: bool
) -> AnswerLosses:
    """The losses of a part, in the order of its rows; the model comes back in its mode."""
    device = device_of(model)
    nats, tokens = np.zeros(len(part)), np.zeros(len(part))
    was_training = model.training
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for rows in _by_picture(part, batch_size):
            labels = inputs.texts.labels(part.answers[rows]).to(device)
            batch = _moved(inputs.batch(part, rows), device)
            logits = model(**batch, labels=labels).logits
            found = cross_entropy(
                logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
            )
            nats[rows] = found.sum(1).cpu().numpy()
            tokens[rows] = (labels != IGNORED).sum(1).cpu().numpy()
    model.train(was_training)
    return AnswerLosses(nats, tokens)


def answer_part(
    model: MultimodalModel,
    processor: MultimodalProcessor,
    inputs: Inputs,
    part: AskedPart,
    batch_size: int,
) -> list[Answer]:
    """An answer to each question of a part, in the order of its rows: greedy, in float32.

    As the packaged model answers, whatever precision trained it.
    """
    device = device_of(model)
    given: list[Answer | None] = [None] * len(part)
    for rows in _by_picture(part, batch_size):
        batch = _moved(inputs.batch(part, rows), device)
        answers = answer_batch(model, processor, batch, processor.answer_tokens)
        for row, answer in zip(rows, answers, strict=True):
            given[row] = answer
    return [answer for answer in given if answer is not None]


def answer_table(
    part: AskedPart,
    given: list[str],
    origin: str,
    losses: AnswerLosses | None = None,
    answers: list[Answer] | None = None,
    temperature: float = 1.0,
) -> TableRef:
    """Store what was answered, scored against all annotators; rows of a picture are one group.

    Args:
        part: the questions.
        given: an answer to each.
        origin: in words.
        losses: of the same rows, where a model answered.
        answers: the same with token probabilities, where a model answered.
        temperature: of the confidences, see `answer_confidence`.
    """
    frame = part.frame
    scores = score_answers(given, frame["answers"].tolist(), frame["answer"].tolist())
    accuracy = scores["vqa_accuracy"].to_numpy()
    kinds = frame["answer_type"].to_numpy()
    found = {str(name): values.to_numpy() for name, values in scores.items()}
    for name, kind in KINDS.items():
        if (kinds == kind).any():
            found[name] = np.where(kinds == kind, accuracy, np.nan)
    if losses is not None:
        found["loss"] = losses.rows
    columns: dict[str, object] = {
        "question": frame["question"],
        "image": frame["image"],
        "given": given,
        "answer_type": frame["answer_type"],
        "question_type": frame["question_type"],
        "answers": frame["answers"],
    }
    if answers is not None:
        sure = [confidence(answer.log_probabilities) for answer in answers]
        found["stops"] = np.array([float(answer.stopped) for answer in answers])
        columns |= {
            "confidence": [calibrated(each.product, temperature) for each in sure],
            "confidence_product": [each.product for each in sure],
            "confidence_geometric": [each.geometric_mean for each in sure],
        }
    return put_scored(
        frame["id"].tolist(),
        frame["answer"].tolist(),
        found,
        columns,  # type: ignore[arg-type]
        origin,
        groups=frame["image"].tolist(),
    )


def calibration_figures(table: TableRef) -> dict[str, float]:
    """How far confidences are from how right answers are: as trained, and calibrated."""
    frame = table.read(["confidence", "confidence_product", "score:vqa_accuracy"])
    right = frame["score:vqa_accuracy"].to_numpy()
    return {
        "ece": bins_of(frame["confidence"].to_numpy(), right).error,
        "ece_uncalibrated": bins_of(frame["confidence_product"].to_numpy(), right).error,
    }


def _by_picture(part: AskedPart, batch_size: int) -> Iterator[np.ndarray]:
    """Rows in batches, those about one picture behind each other."""
    order = np.argsort(part.pictures, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _moved(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in batch.items()}
