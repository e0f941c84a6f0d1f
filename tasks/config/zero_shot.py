"""An untrained decoder that is asked for the label in words, as a reference."""

from pydantic import Field, model_validator

from tasks.config.base import Frozen


class ZeroShotConfig(Frozen):
    """What a decoder that learned nothing of the case is asked about each row (one label a row)."""

    ask: bool = False
    """Ask it: one more reference in the table."""
    question: str = "{text}"
    """The prompt, with the row's text in place of {text}; a label's words follow it."""
    words: dict[str, str] = Field(default_factory=dict)
    """Label -> what the decoder answers for it (by default the label itself)."""
    model: str | None = None
    """The decoder (none: the case's own base model)."""

    @model_validator(mode="after")
    def _asks_about_the_text(self) -> "ZeroShotConfig":
        if "{text}" not in self.question:
            raise ValueError("question asks about no row: write {text} where its text is to stand")
        return self
