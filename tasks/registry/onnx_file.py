"""A classifier as one ONNX file, beside the plain model of it.

    write_onnx(package, Path("tickets-model"))      model.onnx and predict_onnx.py

Token ids and their mask go in, probabilities come out, for any number of texts of any length. What
was written is run by onnxruntime at once, and refused where it differs from the model.
"""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tasks.errors import RequestError, ThawError
from tasks.models.classifier import TextClassifier, pool
from tasks.registry.taking_away import PROGRAMS

CLOSE = 1e-4
"""Most that a probability may differ from the model's."""
_SHAPES = ((1, 3), (2, 11), (5, 7))
"""Texts and tokens that the file is tried with; it is traced with others."""


class _Probabilities(nn.Module):
    """Ids and mask, padded on the right -> probabilities."""

    def __init__(self, model: TextClassifier, temperature: float, one_label: bool) -> None:
        super().__init__()
        self.model, self.temperature, self.one_label = model, temperature, one_label

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(texts, tokens) twice; (texts, labels)."""
        states = self.model.backbone(input_ids=input_ids, attention_mask=attention_mask)[0]
        pooled = pool(states, attention_mask, self.model.head_config.pooling)
        logits = self.model.classify(pooled)["logits"] / self.temperature
        return logits.softmax(-1) if self.one_label else logits.sigmoid()


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
    """Add the file, and the program that asks it, to a folder that `take_classifier` has made.

    Raises:
        RequestError: it is no classifier, or its packages are not installed.
        ThawError: what was written gives other probabilities.
    """
    require_onnx()
    about = json.loads((to / "about.json").read_text("utf-8"))
    if "pooling" not in about:
        raise RequestError("--onnx is for models that classify, and this one writes: leave it out.")
    model = TextClassifier.load(package).float().eval()
    whole = _Probabilities(model, about["temperature"], about["one_label"]).eval()
    file, names = to / "model.onnx", ("input_ids", "attention_mask")
    free = {name: {0: "texts", 1: "tokens"} for name in names} | {"probabilities": {0: "texts"}}
    with torch.inference_mode(), warnings.catch_warnings():
        # The exporter by tracing needs no compiler of its own; torch warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole,
            _batch(3, 9, model),
            str(file),
            input_names=list(names),
            output_names=["probabilities"],
            dynamic_axes=free,
            dynamo=False,
        )
    _compare(whole, file, model)
    shutil.copy(PROGRAMS / "predict_onnx.py", to / "predict_onnx.py")


def _batch(texts: int, tokens: int, model: TextClassifier) -> tuple[Tensor, Tensor]:
    """Ids of different texts and their mask; every second text is padded."""
    words = model.backbone.get_input_embeddings().num_embeddings
    ids = (torch.arange(texts * tokens) * 7 + 5).remainder(words).reshape(texts, tokens)
    mask = torch.ones_like(ids)
    mask[1::2, tokens // 2 + 1 :] = 0
    return ids, mask


def _compare(whole: nn.Module, file: Path, model: TextClassifier) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    for shape in _SHAPES:
        ids, mask = _batch(*shape, model)
        given = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        (found,) = session.run(None, given)
        with torch.inference_mode():
            gap = np.abs(found - whole(ids, mask).numpy()).max()
        if not gap <= CLOSE:
            raise ThawError(
                f"The ONNX file gives probabilities that differ by {gap:.2g} from the model's: "
                "this architecture cannot be written so; leave out --onnx."
            )
