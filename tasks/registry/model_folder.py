"""A model on a base model in one folder: all that prediction needs, and nothing else.

<folder>/config.json, classifier.safetensors, head.json   the model
<folder>/tokenizer/                                       its tokenizer
<folder>/package.json                                     what else it has to know
"""

from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from transformers import AutoTokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import DataConfig
from tasks.ingestion.prepare import render_bare
from tasks.models.classifier import TextClassifier
from tasks.storage import write_text
from tasks.training.batching import PaddingCollator, token_rows

BATCH = 32


class FolderInfo(BaseModel):
    """What a package knows about itself besides weights and tokenizer.

    `data` is the case's data configuration without its source: with it a bare text is cleaned
    and put into the template exactly as it was for training. `prompt_end` stands behind each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    max_length: int
    data: DataConfig
    arm_key: str
    strategy: str
    prompt_end: str = ""


Info = TypeVar("Info", bound=FolderInfo)


class ModelFolder(Generic[Info]):
    """A loaded package, on the CPU: a model on a base model, with its tokenizer."""

    info_type: type[Info]

    def __init__(
        self, info: Info, model: TextClassifier, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.info = info
        self.model = model.eval()
        self.tokenizer = tokenizer

    def save(self, folder: Path) -> Path:
        """Write the package; returns `folder`."""
        self.model.save(folder)
        self.tokenizer.save_pretrained(folder / "tokenizer")
        write_text(folder / "package.json", self.info.model_dump_json(indent=2))
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote."""
        folder = Path(folder)
        info = cls.info_type.model_validate_json((folder / "package.json").read_text("utf-8"))
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        return cls(info, TextClassifier.load(folder), tokenizer)

    @property
    def text_length(self) -> int:
        """Tokens of a text: a soft prompt may leave fewer than `max_length`."""
        longest = self.model.longest_text
        return self.info.max_length if longest is None else min(self.info.max_length, longest)

    def logits(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, outputs) of the head in float32 arithmetic, the same on every machine.

        Args:
            texts: raw texts, or whole model inputs when `rendered`.
            rendered: the template has been applied already.
        """
        if not texts:
            return np.zeros((0, self.model.head_config.labels))
        inputs = texts if rendered else [render_bare(text, self.info.data) for text in texts]
        read, _ = token_rows(inputs, self.tokenizer, self.text_length, self.info.prompt_end)
        ids = read["input_ids"]
        collate = PaddingCollator(int(self.tokenizer.pad_token_id))
        order = np.argsort([len(row) for row in ids], kind="stable")
        found = np.zeros((len(ids), self.model.head_config.labels))
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            for start in range(0, len(ids), BATCH):
                rows = order[start : start + BATCH]
                batch = collate([{name: read[name][row] for name in read} for row in rows])
                batch = {name: values.to(device) for name, values in batch.items()}
                found[rows] = self.model(**batch)["logits"].cpu().numpy()
        return found
