"""The untouched base model as a baseline: asked as it is, or shown a few worked examples first."""

from dataclasses import replace

import numpy as np
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.evaluation.completions import completion_metrics
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pooling import pool_folds
from tasks.kinds.writing.answering import answer_table, decoding_of
from tasks.kinds.writing.building import encoder_of, language_of
from tasks.language.encoding import Example, encode_part, read_pairs
from tasks.language.pairs import PairCollator
from tasks.language.row_losses import row_losses
from tasks.language.tail import WholeLanguageModel
from tasks.models.base_models import context_of, locate
from tasks.models.generators import load_generator
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.device import uses_gpu, wants_bf16

LINE_END = "\n"
"""Where an answer ends that follows worked examples, as each of theirs does."""
UNLIMITED = 1_000_000  # tokens, for a base model whose configuration sets no limit

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def untouched_name(shots: int) -> str:
    """How tables call the baseline."""
    return f"untouched, {shots}-shot" if shots else "untouched, zero-shot"


def untouched_outcome(specs: list[ArmSpec], shots: int, run_id: str) -> Outcome:
    """Let the base model answer the test part, or that of every fold.

    The worked examples come from the training part of the fold whose test part is asked. Where
    answers are formulas, the first line with anything on it is the answer, and no more is written.
    Behind worked examples, which end in a line break each, that break counts as stopping; without
    examples only the end token does.

    Args:
        specs: an arm of each fold; one without cross-validation.
        shots: worked examples.
        run_id: the tracking run that will hold the evidence.

    Raises:
        RequestError: there are fewer training pairs than examples.
    """
    loaded = load_generator(locate(specs[0].model.base))
    if uses_gpu():
        loaded[0].cuda()
    (pooled,) = pool_folds([_outcome(spec, shots, loaded, run_id) for spec in specs])
    return pooled.model_copy(update={"run_id": run_id})


def worked_examples(train: TableRef, count: int, seed: int) -> list[Example]:
    """Pairs of the training part, drawn by `seed`.

    Raises:
        RequestError: it has fewer.
    """
    _, pairs = read_pairs(train)
    if len(pairs) < count:
        raise RequestError(
            f"language.few_shot={count} asks for more worked examples than the {len(pairs)} "
            "training pairs: lower it."
        )
    chosen = np.random.default_rng(seed).choice(len(pairs), count, replace=False)
    return [pairs[place] for place in chosen]


def _outcome(spec: ArmSpec, shots: int, loaded: Loaded, run_id: str) -> Outcome:
    """Validation losses, then test losses and answers, of one fold."""
    metrics: dict[str, float] = {}
    tables: dict[str, TableRef] = {}
    for name, short in (("validation", "val"), ("test", "test")):
        tables[name] = _answered(spec, name, shots, loaded)
        figures = completion_metrics(tables[name].read())
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=untouched_name(shots),
        kind="baseline",
        run_id=run_id,
        metrics=metrics | {"cost/trainable_parameters": 0.0},
        validation=tables["validation"],
        test=tables["test"],
        fold=spec.fold,
    )


def _answered(spec: ArmSpec, name: str, shots: int, loaded: Loaded) -> TableRef:
    model, tokenizer = loaded
    language = language_of(spec)
    table: TableRef = getattr(spec, name)
    context = context_of(locate(spec.model.base)) or UNLIMITED
    examples = worked_examples(spec.train, shots, spec.seed)
    part = encode_part(table, language, tokenizer, context, examples)
    bf16 = wants_bf16(spec.training.precision)
    collate = PairCollator(int(tokenizer.pad_token_id))
    losses = row_losses(WholeLanguageModel(model), part, part, collate, bf16)
    decoding = decoding_of(language)
    if language.scores == "latex":
        decoding = replace(decoding, stop_at=LINE_END, stop_counts=shots > 0)
    if shots:  # the whole text holds other pairs then: another figure than everyone else's
        nothing = np.zeros_like(losses.whole)
        losses = replace(losses, whole=nothing, whole_tokens=nothing)
    return answer_table(
        table,
        part,
        losses,
        (model, tokenizer, language, encoder_of(spec)) if name == "test" else None,
        f"{untouched_name(shots)} on {name}",
        decoding,
    )
