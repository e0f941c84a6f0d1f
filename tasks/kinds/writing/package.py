"""A trained language model in one folder: all that answering needs, and nothing else.

<folder>/model/           configuration and weights (safetensors)
<folder>/tokenizer/       its tokenizer
<folder>/package.json     the text form of a prompt, and how answers are generated
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import DataConfig, LanguageConfig
from tasks.errors import RequestError
from tasks.ingestion.prepare import render_bare
from tasks.kinds.writing.answering import decoding_of
from tasks.language.encoding import encode_examples, format_of
from tasks.language.pairs import PairCollator
from tasks.language.row_losses import row_losses
from tasks.language.tail import WholeLanguageModel
from tasks.language.writing import write
from tasks.models.anatomy import context_length
from tasks.models.one_at_a_time import one_at_a_time
from tasks.registry.taking_away import take_writer
from tasks.storage import write_text

UNLIMITED = 1_000_000  # tokens, for a model whose configuration sets no limit


class WriterInfo(BaseModel):
    """What a package knows about itself besides weights and tokenizer.

    `data` is the case's data configuration without its source: with it a bare text is cleaned
    exactly as it was for training; `language` is the prompt around it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    data: DataConfig
    language: LanguageConfig
    arm_key: str
    strategy: str


class Writer:
    """A loaded package, on the CPU, in float32."""

    def __init__(
        self, info: WriterInfo, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.info = info
        self.model = model.eval()
        self.tokenizer = tokenizer

    def save(self, folder: Path) -> Path:
        """Write the package; returns `folder`."""
        self.model.save_pretrained(folder / "model")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        write_text(folder / "package.json", self.info.model_dump_json(indent=2))
        return folder

    @classmethod
    @one_at_a_time
    def load(cls, folder: str | Path) -> "Writer":
        """Read what `save` wrote."""
        folder = Path(folder)
        info = WriterInfo.model_validate_json((folder / "package.json").read_text("utf-8"))
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        both = AutoConfig.from_pretrained(folder / "model").is_encoder_decoder
        family = AutoModelForSeq2SeqLM if both else AutoModelForCausalLM
        model = family.from_pretrained(folder / "model", dtype=torch.float32)
        return cls(info, model, tokenizer)

    def predict(
        self, texts: list[str], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """For each text its `answer`, whether the model `stopped` by itself, and its `tokens`.

        Args:
            texts: what is asked, without the prompt around it.
            params: `{"beams": 4}` for a beam search (default: the case's, greedy as a rule);
                `{"rendered": true}` for texts that went through the data template already.

        Raises:
            RequestError: fewer than one beam.
        """
        given = params or {}
        beams = int(given.get("beams") or self.info.language.beams)
        if not 1 <= beams <= 64:
            raise RequestError(f"{beams} beams are no search: give 1 (greedy) to 64.")
        language = self.info.language.model_copy(update={"beams": beams})
        data, form = self.info.data, format_of(language, self.tokenizer)
        inputs = texts if given.get("rendered") else [render_bare(text, data) for text in texts]
        prompts = [form.prompt(text) for text in inputs]
        answers = write(self.model, self.tokenizer, prompts, decoding_of(language))
        return [
            {"answer": each.text, "stopped": each.stopped, "tokens": each.tokens}
            for each in answers
        ]

    @staticmethod
    def take_away(package: Path, to: Path) -> None:
        """Write a saved package as a folder of a plain transformers model.

        Args:
            package: what `save` wrote.
            to: an empty folder.
        """
        info = WriterInfo.model_validate_json((package / "package.json").read_text("utf-8"))
        tokenizer = AutoTokenizer.from_pretrained(package / "tokenizer")
        take_writer(package, to, format_of(info.language, tokenizer).prompt, info.language)

    def nats(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        """-log p of each completion with its end token, summed over tokens: float64 (n,).

        NaN for a pair that does not fit into the model's context. For models that continue a
        text; an encoder-decoder is judged by its answers.

        Args:
            pairs: prompts that went through the data template, and completions.
        """
        context = context_length(self.model.config) or UNLIMITED
        ids = [str(number) for number in range(len(pairs))]
        part = encode_examples(ids, pairs, self.info.language, self.tokenizer, context)
        collate = PairCollator(int(self.tokenizer.pad_token_id))
        found = np.full(len(pairs), np.nan)
        if part.kept:
            whole = WholeLanguageModel(self.model).eval()
            losses = row_losses(whole, part, part, collate)
            found[part.kept] = losses.completion
        return found
