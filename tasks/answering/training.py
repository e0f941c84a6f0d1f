"""Training one arm that answers questions about pictures, with resume at every point.

    outcome = train_vqa_arm(spec, run_id, log)

The counterpart of `tasks/training/run.py`, on the same Trainer, checkpoints and store. What
differs: parts of three models are frozen, a picture is read once a batch however many questions
are about it, and validation and test are answered in words.
"""

import time
from collections.abc import Iterable

import numpy as np
from transformers import set_seed

from tasks.answering.building import build_answerer, vqa_of
from tasks.answering.evaluating import (
    answer_losses,
    answer_part,
    answer_table,
    calibration_figures,
)
from tasks.answering.inputs import Inputs, prepare_inputs
from tasks.answering.questions import Asked, read_questions, training_rows
from tasks.answering.trainer import AnswerTrainer, Trainee, kinds_of
from tasks.answering.whitening import fit_whitening
from tasks.evaluation.answer_confidence import fit_confidence
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import table_metrics
from tasks.evaluation.vqa import confidence, vqa_accuracy
from tasks.models.multimodal.freezing import freeze_parts
from tasks.models.multimodal.model import MultimodalModel
from tasks.models.multimodal.processing import MultimodalProcessor
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.callbacks import (
    LastStep,
    LogMetrics,
    arm_callbacks,
    curve_of,
    train_seconds,
)
from tasks.training.costs import costs
from tasks.training.device import PeakMemory, uses_gpu, wants_bf16
from tasks.training.divergence import refuse_divergence
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import Freezing
from tasks.training.keeping import (
    full_disk_explained,
    keep_outcome,
    require_disk,
    save_trained,
    standing_outcome,
)
from tasks.training.resuming import train_or_resume
from tasks.training.trainer import build_trainer, training_arguments
from tasks.training.trunk_pass import Depth


def train_vqa_arm(
    spec: ArmSpec,
    run_id: str,
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one arm, let it answer validation, then test.

    Arguments and errors are those of `tasks.training.run.train_arm`; no depths are needed here.
    """
    if done := standing_outcome(spec, force):
        return done
    asked = read_questions(spec)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        model, processor = build_answerer(spec)
        parts = freeze_parts(model, str(spec.strategy))
        freezing = Freezing(None, parts.trainable, parts.total)
        require_disk(spec, freezing)
        inputs = prepare_inputs(spec, model, processor, asked, parts.parts)
        fit_whitening(model, inputs, spec.seed)
        trainer = _trainer(spec, model, processor, inputs, log, logged_until)
        with full_disk_explained(spec):
            train_or_resume(trainer, spec)
        seconds = train_seconds(trainer)
        saved_bytes = save_trained(spec, model)
    outcome = _evaluate(spec, run_id, model, processor, inputs)
    figures = costs(freezing, seconds, trainer.state, _encoded(inputs), memory.megabytes)
    figures["cost/cut_questions"] = figures.pop("cost/truncated_texts")
    figures["cost/unreadable_questions"] = float(inputs.texts.unreadable)
    figures["cost/images_per_second"] = _images_per_second(asked, figures)
    figures["cost/saved_bytes"] = float(saved_bytes)
    if inputs.kept:
        figures["cost/trunk_seconds"] = sum(shelf.seconds for shelf in inputs.kept)
        figures["cost/trunk_megabytes"] = sum(shelf.bytes for shelf in inputs.kept) / 1e6
    outcome = outcome.model_copy(
        update={
            "metrics": outcome.metrics | figures,
            "curve": curve_of(trainer.state),
            "trunk": inputs.description,
        }
    )
    keep_outcome(spec, outcome)
    return outcome


def _trainer(
    spec: ArmSpec,
    model: MultimodalModel,
    processor: MultimodalProcessor,
    inputs: Inputs,
    log: LogMetrics,
    logged_until: LastStep,
) -> AnswerTrainer:
    size, bf16 = spec.training.eval_batch_size, wants_bf16(spec.training.precision)
    validation = inputs.asked.parts["validation"]

    def measure() -> dict[str, float]:
        figures = {"loss": answer_losses(model, inputs, validation, size, bf16).loss}
        refuse_divergence(spec, np.array([figures["loss"]]))
        if spec.training.select_by != "val/loss":  # answering takes several passes of the decoder
            given = answer_part(model, processor, inputs, validation, size)
            table = answer_table(validation, [each.text for each in given], "validation")
            figures |= table_metrics(table)
        return figures

    rows = {
        name: training_rows(inputs.asked.parts[name], name, inputs.texts)
        for name in ("train", "validation")
    }
    trainer = build_trainer(
        Trainee(model),
        training_arguments(spec.training, spec.folder, spec.seed, len(rows["train"])),
        spec.training,
        arm_callbacks(spec.title, log, logged_until),
        kind=AnswerTrainer,
        kind_of=kinds_of(spec),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        data_collator=inputs,
    )
    assert isinstance(trainer, AnswerTrainer)  # noqa: S101 - build_trainer makes what is asked for
    trainer.measure = measure
    trainer.by_picture = vqa_of(spec).batches == "images"
    return trainer


def _evaluate(
    spec: ArmSpec,
    run_id: str,
    model: MultimodalModel,
    processor: MultimodalProcessor,
    inputs: Inputs,
) -> Outcome:
    """Answer validation, fit the confidence's temperature on it, and only then answer test."""
    size, bf16 = spec.training.eval_batch_size, wants_bf16(spec.training.precision)
    if uses_gpu():
        model.cuda()
    metrics: dict[str, float] = {}
    tables: dict[str, TableRef] = {}
    temperature = 1.0
    for name, short in (("validation", "val"), ("test", "test")):
        part = inputs.asked.parts[name]
        losses = answer_losses(model, inputs, part, size, bf16)
        started = time.perf_counter()
        answers = answer_part(model, processor, inputs, part, size)
        seconds = time.perf_counter() - started
        given = [answer.text for answer in answers]
        if name == "validation":
            products = [confidence(answer.log_probabilities).product for answer in answers]
            right = map(vqa_accuracy, given, part.frame["answers"])
            temperature = fit_confidence(products, list(right))
        origin = f"{spec.title} on {name}"
        tables[name] = answer_table(part, given, origin, losses, answers, temperature)
        figures = table_metrics(tables[name]) | calibration_figures(tables[name])
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        metrics["cost/answers_per_second"] = len(part) / max(seconds, 1e-9)
    return Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=metrics,
        temperature=temperature,
        validation=tables["validation"],
        test=tables["test"],
        folder=str(spec.folder),
        fold=spec.fold,
    )


def _encoded(inputs: Inputs) -> EncodedPart:
    """The training part in the form in which costs are told."""
    part = inputs.asked.parts["train"]
    rows = training_rows(part, "train", inputs.texts)
    return EncodedPart(rows, part.frame["id"].tolist(), np.empty((0, 0)), inputs.texts.cut)


def _images_per_second(asked: Asked, figures: dict[str, float]) -> float:
    """Pictures learned from: each once an epoch."""
    pictures = len(np.unique(asked.parts["train"].pictures))
    return pictures * figures["cost/epochs"] / max(figures["cost/train_seconds"], 1e-9)
