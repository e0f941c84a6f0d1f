"""How the cases that write turn pairs into text, and answer."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.config.base import Frozen


class LanguageConfig(Frozen):
    """How pairs become text and text becomes answers, in cases that write (`completion`)."""

    instruction: str = ""
    """First line of every prompt (empty: none)."""
    source_name: Annotated[str, Field(min_length=1)] = "Question"
    """Stands before what is given."""
    target_name: Annotated[str, Field(min_length=1)] = "Answer"
    """Stands before what is to be written."""
    template: Literal["plain", "chat", "bare"] = "plain"
    """`plain`: the names above around the text; `chat`: the tokenizer's own chat template, with the
    instruction as its system message where there is one; `bare`: the text alone, as `data.text`
    makes it."""
    scores: Literal["text", "latex"] = "text"
    """How answers are measured: `text` (repetition, length) or `latex` (against the formula that
    was to be written)."""
    encoder: str | None = None
    """Base model by whose states answers are held against the given ones (`similarity`, where
    `scores` is `text`): by default the case's own, as it was before training. `minilm`, which was
    trained to compare sentences, tells more."""
    pretrain_on: str | None = None
    """A text of the field (UTF-8): the base model reads it on, and every strategy starts from it as
    well as from the base model as it is. No test answer may stand in it."""
    pretrain_epochs: Annotated[int, Field(ge=1)] = 3
    """Passes over that text."""
    trainer: Literal["thaw", "trl"] = "thaw"
    """`trl`: TRL's SFTTrainer for every arm that computes the whole model; an arm on stored states
    (`training.trunk`) trains with Thaw's, on the same loss."""
    answers: Annotated[int, Field(ge=1)] | None = None
    """Test prompts that are answered, the same ones by all (none: every prompt)."""
    loss: Literal["completion", "whole_text"] = "completion"
    """What training learns: the completion and the end token, or the prompt too (the chapter's;
    its template dominates the figure)."""
    few_shot: Annotated[int, Field(ge=0)] = 5
    """Worked examples that the untouched model is shown as a baseline (0: none)."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 128
    """Most tokens of an answer, its end token included: generation ends there in any case."""
    beams: Annotated[int, Field(ge=1, le=64)] = 1
    """Beams of the search (1: greedy)."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Prompts that are answered at a time."""

    @property
    def prompt(self) -> tuple[str, ...]:
        """What the text of a prompt depends on."""
        if self.template == "chat":
            return self.template, self.instruction
        if self.template == "bare":
            return (self.template,)
        return self.instruction, self.source_name, self.target_name
