"""What kinds share whose models answer in text."""

from typing import Any, Generic, TypeVar

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import CaseConfig, LanguageConfig, PolicyCase, WritingCase
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.texts import TextKind
from tasks.kinds.values import S
from tasks.kinds.writing.package import Writer, WriterInfo
from tasks.registry.packaging import Packaging

W = TypeVar("W", bound=WritingCase | PolicyCase)


class WriterKind(TextKind[W, S], Generic[W, S]):
    """Texts in, texts out."""

    packaging = Packaging(
        "kinds/writing/packaged.py",
        ("datasets", "peft", "pylatexenc", "rapidfuzz", "scipy"),
        {"rendered": False, "beams": 0},
        any_rows=True,
    )
    beams = True

    def turn_names(self, config: W) -> tuple[str, str]:
        """The names that the case's own prompts have."""
        return config.language.source_name, config.language.target_name

    def line(self, answer: dict[str, Any]) -> str:
        """What was written."""
        return str(answer["answer"])


def writer_of(
    best: Outcome,
    config: CaseConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    language: LanguageConfig,
) -> Writer:
    """A finished arm's model with its prompt."""
    info = WriterInfo(
        case=config.case,
        data=config.data.without_source(),
        language=language,
        arm_key=best.key,
        strategy=str(best.strategy),
    )
    return Writer(info, model, tokenizer)


def prompt_line(language: LanguageConfig) -> str:
    """How a card shows what is put around a text."""
    if language.template == "chat":
        return "Prompt: the tokenizer's own chat template."
    if language.template == "bare":
        return "Prompt: the text alone."
    lines = [language.instruction, f"{language.source_name}: …", f"{language.target_name}:"]
    return f"Prompt: `{' / '.join(filter(None, lines))}`, one line each."
