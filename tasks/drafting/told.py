"""What a user says of his file, what it is taken for, and the question where neither settles it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.drafting.columns import Column
from tasks.errors import RequestError


class AmbiguousError(RequestError):
    """Several columns could be meant: which is for the user to say.

    Attributes:
        option: the option that says it (`--label`).
        candidates: the columns.
    """

    def __init__(self, what: str, option: str, candidates: Sequence[str]) -> None:
        listed = ", ".join(candidates)
        super().__init__(
            f"{what}: {listed}. Say which with {option} ({option} {quoted(candidates[0])})."
        )
        self.what, self.option, self.candidates = what, option, list(candidates)


@dataclass(frozen=True)
class Wishes:
    """What the user says of the file himself.

    Attributes:
        text: columns that are read, in their order; empty where the file shall say.
        label: columns with what is to be learned: one, or one for each label.
        task: the kind of case; None where the file shall say.
        group: the column whose rows must not be divided.
        pair: two columns of texts are a pair.
    """

    text: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    task: str | None = None
    group: str | None = None
    pair: bool = False


@dataclass
class Told:
    """What a file is taken for.

    Attributes:
        task: the kind of case.
        text: the columns that make the text; empty where a layout says it.
        label: the columns with what is to be learned.
        data: fields of the case's section `data`, beside columns and template.
        evaluation: fields of `evaluation`.
        numbers: fields of `numbers`, where they are learned.
        said: what was taken for what, and why.
        unsure: what could be otherwise, with what to say then.
        columns: all columns by name.
    """

    task: str
    text: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)


def quoted(name: str) -> str:
    """A column as a shell takes it."""
    return f"'{name}'" if not name.isidentifier() else name
