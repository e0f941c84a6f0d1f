"""A model with a head as one ONNX file, beside the plain model of it.

    write_onnx(package, Path("tickets-model"))      model.onnx and predict_onnx.py
    write_int8(Path("tickets-model"), texts)        model.int8.onnx, and what it costs in answers

Token ids and their mask go in (of two texts also which token is of which, where the model tells
them apart), probabilities, numbers or rewards come out, for any number of texts of any length. What
was written is run by onnxruntime at once, and refused where it differs from the model.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer

from tasks.errors import RequestError, ThawError
from tasks.models.classifier import TextClassifier, pool
from tasks.registry.model_folder import BATCH
from tasks.registry.taking_away import PROGRAMS
from tasks.training.batching import PaddingCollator, token_rows

FILE, SMALL, PROGRAM = "model.onnx", "model.int8.onnx", "predict_onnx.py"
CLOSE = 1e-4
"""Most that a probability may differ from the model's; a number, in deviations of its training
part."""
_GIVES = {"labels": "probabilities", "number": "numbers", "reward": "rewards"}
"""What a model gives -> how the file calls its output."""
_SHAPES = ((1, 3), (2, 11), (5, 7))
"""Texts and tokens that the file is tried with; it is traced with others."""


class _Answers(nn.Module):
    """Ids and mask, padded on the right -> probabilities, numbers in their unit, or rewards."""

    def __init__(self, model: TextClassifier, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.model, self.about = model, about

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """(texts, tokens) each; (texts, labels) or (texts, 1)."""
        more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        states = self.model.backbone(input_ids=input_ids, attention_mask=attention_mask, **more)[0]
        pooled = pool(states, attention_mask, self.model.head_config.pooling)
        found = self.model.classify(pooled)["logits"]
        if self.about["gives"] == "reward":
            return found
        if self.about["gives"] == "number":
            return found * self.about["deviation"] + self.about["mean"]
        found = found / self.about["temperature"]
        return found.softmax(-1) if self.about["one_label"] else found.sigmoid()


@dataclass(frozen=True)
class Smaller:
    """What whole numbers of 8 bits in place of the weights save, and cost.

    Attributes:
        bytes_before, bytes_after: of the two files.
        texts: that both were asked about.
        furthest: the largest difference of a probability, or of a number in its unit.
        same: of the texts that still get the same labels; None where a model gives numbers.
    """

    bytes_before: int
    bytes_after: int
    texts: int
    furthest: float
    same: int | None

    def __str__(self) -> str:
        sizes = (
            f"{SMALL} has {self.bytes_after / 1e6:,.1f} MB, where {FILE} has "
            f"{self.bytes_before / 1e6:,.1f}"
        )
        if not self.texts:
            return f"{sizes}; what that costs was not measured: no test texts are at hand."
        labels = "" if self.same is None else f"{self.same:,} get the same labels, and "
        of = "number" if self.same is None else "probability"
        return (
            f"{sizes}: of {self.texts:,} test texts {labels}no {of} is further off than "
            f"{self.furthest:.3g}."
        )


def require_onnx() -> None:
    """Raise unless the packages for it are there.

    Raises:
        RequestError: says what to install.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise RequestError(
            f"--onnx needs the package {error.name}: pip install 'thaw[onnx]'."
        ) from error


def write_onnx(package: Path, to: Path) -> None:
    """Add the file, and the program that asks it, to a folder that `take_reader` has made.

    Raises:
        RequestError: it gives neither labels nor a number or reward, or packages are missing.
        ThawError: what was written gives other answers.
    """
    require_onnx()
    about = _about(to)
    if about.get("gives") not in _GIVES:
        raise RequestError(
            "--onnx is for models that give labels, a number or a reward, and this one writes: "
            "leave it out."
        )
    model = TextClassifier.load(package).float().eval()
    whole = _Answers(model, about).eval()
    names = ["input_ids", "attention_mask"]
    if about["pair"] and about["tells_apart"]:
        names.append("token_type_ids")
    file, gives = to / FILE, _GIVES[about["gives"]]
    free = {name: {0: "texts", 1: "tokens"} for name in names} | {gives: {0: "texts"}}
    with torch.inference_mode(), warnings.catch_warnings():
        # The exporter by tracing needs no compiler of its own; torch warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole,
            tuple(_batch(3, 9, model)[name] for name in names),
            str(file),
            input_names=names,
            output_names=[gives],
            dynamic_axes=free,
            dynamo=False,
        )
    _compare(whole, file, model, names, about.get("deviation", 1.0))
    shutil.copy(PROGRAMS / PROGRAM, to / PROGRAM)


def write_int8(to: Path, texts: Sequence[str]) -> Smaller:
    """Add the file with weights of 8 bits to a folder that has one, and measure what it costs.

    Matrices are rounded to whole numbers with a scale a column, what flows between them when it
    flows (onnxruntime's dynamic quantisation); the rest stays as it is.

    Args:
        to: where `write_onnx` has written.
        texts: of the test part, in the case's template (two as `texts.PAIR` joins them); none
            are needed. Rewards are not asked of them.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before, after = to / FILE, to / SMALL
    quiet = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises of what is for pictures
    try:
        # A scale a column, and 7 bits: sums of 8 overflow on processors without VNNI.
        quantize_dynamic(
            before, after, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
    finally:
        logging.disable(quiet)
    sizes = before.stat().st_size, after.stat().st_size
    about, tokenizer = _about(to), AutoTokenizer.from_pretrained(to)
    if not texts or about["gives"] == "reward":
        return Smaller(*sizes, 0, 0.0, None)
    columns, _ = token_rows(list(texts), tokenizer, about["max_length"], about["prompt_end"])
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    whole, rounded = (_asked(file, rows, int(tokenizer.pad_token_id)) for file in (before, after))
    same = None
    if about["gives"] == "labels":
        same = int((_chosen(whole, about) == _chosen(rounded, about)).all(1).sum())
    return Smaller(*sizes, len(texts), float(np.abs(whole - rounded).max()), same)


def _asked(file: Path, rows: list[dict[str, Any]], pad_id: int) -> np.ndarray:
    """(rows, outputs) of a file."""
    session, collate = _session(file), PaddingCollator(pad_id)
    names = [each.name for each in session.get_inputs()]
    batches = [collate(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    asked = [
        {name: batch.get(name, torch.zeros_like(batch["input_ids"])).numpy() for name in names}
        for batch in batches
    ]
    return np.concatenate([session.run(None, batch)[0] for batch in asked])


def _chosen(found: np.ndarray, about: Mapping[str, Any]) -> np.ndarray:
    """(texts, labels) of bool: those that are given."""
    if about["one_label"]:
        return np.eye(found.shape[1], dtype=bool)[found.argmax(1)]
    return np.asarray(found >= np.asarray(about["thresholds"]))


def _about(to: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((to / "about.json").read_text("utf-8"))
    return about


def _session(file: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(file))


def _batch(texts: int, tokens: int, model: TextClassifier) -> dict[str, Tensor]:
    """Ids of different texts, their mask, and a second text from the middle on; every second row
    is padded."""
    words = model.backbone.get_input_embeddings().num_embeddings
    ids = (torch.arange(texts * tokens) * 7 + 5).remainder(words).reshape(texts, tokens)
    mask, second = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1::2, tokens // 2 + 1 :] = 0
    second[:, tokens // 2 :] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": second * mask}


def _compare(
    whole: nn.Module, file: Path, model: TextClassifier, names: Sequence[str], unit: float
) -> None:
    session = _session(file)
    for shape in _SHAPES:
        batch = {name: _batch(*shape, model)[name] for name in names}
        (found,) = session.run(None, {name: ids.numpy() for name, ids in batch.items()})
        with torch.inference_mode():
            gap = np.abs(found - whole(**batch).numpy()).max() / unit
        if not gap <= CLOSE:
            raise ThawError(
                f"The ONNX file gives answers that differ by {gap:.2g} from the model's: "
                "this architecture cannot be written so; leave out --onnx."
            )
