"""The tokenizer that counts an export's tokens and tells whether each label is one of them."""

from collections.abc import Sequence

from transformers import GPT2Tokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import HostedConfig
from tasks.errors import RequestError
from tasks.hosted.lines import answer_text
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer


class Vocabulary:
    """A base model's tokenizer, without the special tokens that it would add."""

    def __init__(self, name: str) -> None:
        """Load it.

        Args:
            name: an entry of conf/base_models.yaml, a folder or a hub id.

        Raises:
            RequestError: there is no such tokenizer.
            ThawError: it has to be fetched and cannot be.
        """
        self.name = name
        self._tokenizer = _load(name)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return list(
            self._tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        )

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return [len(ids) for ids in self.ids(texts)]
        # A quarter less time than transformers' own call, which makes lists that nobody reads;
        # an earlier one may have left its limits set.
        backend.no_truncation()
        backend.no_padding()
        return [
            len(one) for one in backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def pieces(self, text: str) -> list[str]:
        """The tokens of one text, readable."""
        return [str(self._tokenizer.decode([token])) for token in self.ids([text])[0]]


def _load(name: str) -> PreTrainedTokenizerBase:
    located = locate(name)
    vocabulary, merges = located.folder / "encoder.json", located.folder / "vocab.bpe"
    if vocabulary.exists() and merges.exists():  # the files as OpenAI published them for GPT-2
        return GPT2Tokenizer(vocab=str(vocabulary), merges=str(merges))
    return load_tokenizer(located)


def check_labels(labels: Sequence[str], hosted: HostedConfig, vocabulary: Vocabulary) -> None:
    """Refuse labels that a model cannot answer with one token each.

    Raises:
        RequestError: a label is several tokens, or two labels are the same one.
    """
    seen: dict[int, str] = {}
    for label in labels:
        text = answer_text(label, hosted)
        (ids,) = vocabulary.ids([text])
        if len(ids) != 1:
            pieces = ", ".join(repr(piece) for piece in vocabulary.pieces(text)) or "nothing"
            raise RequestError(
                f"The label {text!r} is not one token of hosted.tokenizer={vocabulary.name} "
                f"({pieces}); give labels that are by data.rename_labels, or another tokenizer."
            )
        if ids[0] in seen:
            raise RequestError(
                f"The labels {seen[ids[0]]!r} and {label!r} are the same token of "
                f"hosted.tokenizer={vocabulary.name}; give one another name by data.rename_labels."
            )
        seen[ids[0]] = label
