"""Pairs in the chat template that a tokenizer carries: what the template writes, and what is said.

A template is text with special tokens in it. What a user says must not be read as such, so the two
are kept apart until they are token ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError

_MARK = "\N{SYMBOL FOR UNIT SEPARATOR}"  # stands in a template for what is said


@dataclass(frozen=True)
class ChatPrompt:
    """A prompt in a chat template: its parts in order, and which of them are the template's own.

    In those, special tokens are read as such; in what a user says they are text.
    """

    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class ChatFormat:
    """How a pair becomes text in the chat template that a tokenizer carries.

    Args:
        tokenizer: with a chat template.
        system: its system message; empty for none (some templates then have one of their own).

    Raises:
        RequestError: there is no template, or an answer does not end with the tokenizer's end
            token in it, so that a model would learn to stop at another one.
    """

    tokenizer: PreTrainedTokenizerBase
    system: str = ""

    def __post_init__(self) -> None:
        if not self.tokenizer.chat_template:
            raise RequestError(
                f"The tokenizer of {self.tokenizer.name_or_path} has no chat template: use "
                "language.template=plain."
            )
        whole = self._rendered([("q", _MARK)], add_generation_prompt=False)
        end = whole.rpartition(_MARK)[2].lstrip()
        if not end.startswith(str(self.tokenizer.eos_token)):
            raise RequestError(
                f"The chat template of {self.tokenizer.name_or_path} ends an answer with "
                f"{end[:20]!r}, and its tokenizer's end token is {self.tokenizer.eos_token!r}: use "
                "language.template=plain."
            )

    def prompt(self, source: str, examples: Sequence[tuple[str, str]] = ()) -> ChatPrompt:
        """As `PairFormat.prompt`; worked examples are earlier turns of the dialogue."""
        said = [text for pair in examples for text in pair] + [source]
        turns = [(f"{_MARK}{2 * n}{_MARK}", f"{_MARK}{2 * n + 1}{_MARK}") for n in range(len(said))]
        wanted = [*turns[: len(examples)], (turns[len(examples)][0], None)]
        text = self._rendered(wanted, add_generation_prompt=True)
        # The template's own words and the numbers of what is said take turns.
        pieces = text.split(_MARK)
        parts = [
            (said[int(piece)], False) if place % 2 else (piece, True)
            for place, piece in enumerate(pieces)
        ]
        return ChatPrompt(tuple((text, own) for text, own in parts if text))

    def completion(self, target: str) -> str:
        """What the model is to write, without the end token."""
        return target.strip()

    def _rendered(
        self, turns: Sequence[tuple[str, str | None]], add_generation_prompt: bool
    ) -> str:
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for question, answer in turns:
            messages.append({"role": "user", "content": question})
            if answer is not None:
                messages.append({"role": "assistant", "content": answer})
        text: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text
