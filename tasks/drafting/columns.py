"""What the cells of one column look like, told from all of them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.config import NumbersConfig
from tasks.config.data import PART_NAMES
from tasks.ingestion.amounts import number_of, writing_of
from tasks.ingestion.labels import DECIMAL_COMMA, NO, NO_VALUE, SEPARATORS, YES
from tasks.ingestion.turns import is_chat
from tasks.ingestion.written import listed, unwrapped

MOST_CLASSES = 500
"""Different values from which on a column is no longer taken for labels."""
MOST_STEPS = 11
"""Steps of a scale: 0 to 10 has so many."""
LABEL_WORDS = 6
"""Words of a label on average: what has more is a text."""
TEXT_WORDS = 2.5
"""Words of a text on average."""
_PICTURE = re.compile(r"\S.*\.(?:jpe?g|png|gif|webp|bmp|tiff?)", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://\S+|[^@\s]+@[^@\s]+\.\w+")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d{1,2}:\d{2}.*)?")
_AMOUNT = re.compile(
    r"\d{1,3}(?::\d{2}){1,2}|(?:[^\w\s+-]{1,3}|[A-Z]{2,3})?\s?[-+]?\d[\d.,'\s]*(?:[^\w\s]{1,3}|[A-Za-z]{1,4})?"
)
_DASHES = ("-", "--", "\u2013", "\u2014", "?", ".")
_GRADE = re.compile(
    r"\d+(?:[.,]\d)?\s*(?:/|out of|of|von|sur|de|di)\s*\d+.*|\d+(?:[.,]\d)?\s*stars?|[★☆⭐✩✭✯½]+",
    re.IGNORECASE,
)
_HASHTAGS = re.compile(r"#\S+(?: #\S+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: as the file has it.
        values: of all records, None where a record lacks it.
    """

    name: str
    values: Sequence[Any]

    @cached_property
    def filled(self) -> list[Any]:
        """The values that are something; of a text, without white space around it."""
        found = []
        for value in self.values:
            value = value.strip() if isinstance(value, str) else value
            if value is not None and value == value and value not in ("", [], {}):
                found.append(value)
        return found

    @cached_property
    def cells(self) -> list[str]:
        """The same as text."""
        return [value if isinstance(value, str) else str(value) for value in self.filled]

    @cached_property
    def counts(self) -> Counter[str]:
        """Each different value -> how many rows have it."""
        return Counter(self.cells)

    @cached_property
    def words(self) -> float:
        """Words of a value on average."""
        return sum(len(cell.split()) for cell in self.cells) / max(len(self.cells), 1)

    @property
    def distinct(self) -> float:
        """Share of the filled rows whose value no earlier row has."""
        return len(self.counts) / max(len(self.cells), 1)

    @cached_property
    def chats(self) -> bool:
        """Whether its values are lists of messages, each of which says whose it is."""
        return self._all(_is_talk)

    @cached_property
    def lists(self) -> bool:
        """Whether its values are, or write, lists or objects."""
        return self._all(
            lambda value: (
                listed(value) is not None
                if isinstance(value, str)
                else isinstance(value, list | dict)
            )
        )

    @cached_property
    def objects(self) -> bool:
        """Whether its values are lists or objects that have fields of their own."""
        return self.lists and not self._all(_gives_labels)

    @cached_property
    def pictures(self) -> bool:
        """Whether its values are paths of pictures."""
        return self._all(lambda value: isinstance(value, str) and bool(_PICTURE.fullmatch(value)))

    @cached_property
    def numbers(self) -> list[float] | None:
        """Its values as numbers; None where one is none."""
        try:
            found = [float(cell) for cell in self.cells]
        except ValueError:
            return None
        finite = all(abs(number) < float("inf") for number in found)
        return found if found and finite and not self.switch else None

    @cached_property
    def amounts(self) -> bool:
        """Whether its values are quantities that no program reads: 1.052,32 €, $3,400, 12 %."""
        found = [cell for cell in self.counts if cell.lower() not in NO_VALUE]
        read = self.numbers is not None or self.switch
        return not read and bool(found) and all(map(_AMOUNT.fullmatch, found))

    @cached_property
    def writing(self) -> NumbersConfig | None:
        """How its quantities are written, where they are and can be read in one way alone."""
        return writing_of([*self.counts]) if self.amounts else None

    @cached_property
    def quantities(self) -> list[float] | None:
        """Its values as numbers, however they are written; None where one is none."""
        if self.writing is None:
            return self.numbers
        found = [number_of(cell, self.writing) for cell in self.cells]
        return [number for number in found if number is not None]

    @cached_property
    def switch(self) -> bool:
        """Whether its values say yes or no: 0 and 1, false and true, x and nothing."""
        return bool(self.counts) and {cell.lower() for cell in self.counts} <= YES | NO

    @property
    def marks(self) -> bool:
        """Whether it says of each row whether something holds: both answers are there."""
        return self.switch and (len(self.counts) > 1 or len(self.cells) < len(self.values))

    @cached_property
    def scale(self) -> bool:
        """Whether its values are steps: a few whole numbers without much of a gap."""
        if self.numbers is None:
            return False
        steps = sorted(set(self.numbers))
        whole = all(step == int(step) for step in steps)
        return whole and 3 <= len(steps) <= MOST_STEPS and steps[-1] - steps[0] < MOST_STEPS

    @cached_property
    def parts(self) -> bool:
        """Whether its values are names of parts of a split."""
        return len(self.counts) > 1 and all(cell.lower() in PART_NAMES for cell in self.counts)

    @cached_property
    def times(self) -> bool:
        """Whether its values are dates."""
        return len(self.counts) > 1 and self._all(lambda v: bool(_DATE.fullmatch(str(v))))

    @cached_property
    def names_languages(self) -> bool:
        """Whether its values are codes of languages, and its name says so."""
        return self.name.strip().lower() in ("language", "lang", "locale") and self._all(
            lambda value: bool(_LANGUAGE.fullmatch(str(value)))
        )

    @cached_property
    def identifies(self) -> bool:
        """Whether it names rows or things: ids that hardly repeat, dates, addresses."""
        if self.lists or not self.cells:
            return False
        if self._all(lambda v: bool(_ADDRESS.fullmatch(str(v)) or _DATE.fullmatch(str(v)))):
            return True
        named = re.search(r"(?:^|[_\W])(?:id|no|nr|number|key|uuid|index)$", self.name.lower())
        single = self.words <= 1.5
        return (
            single
            and (bool(named) or self.name.lower() in ("", "unnamed: 0", "row"))
            and (self.distinct > 0.5 or bool(named))
        )

    @cached_property
    def separator(self) -> str | None:
        """What stands between several labels of a cell; None where cells hold one."""
        hashtags = all(map(_HASHTAGS.fullmatch, self.counts))
        for separator in (" ",) if hashtags else SEPARATORS:
            if separator == "," and all(map(DECIMAL_COMMA.fullmatch, self.counts)):
                continue
            joint = [cell for cell in self.counts if separator in cell]
            if not joint or sum(self.counts[cell] for cell in joint) < 0.05 * len(self.cells):
                continue
            found = [part.strip() for cell in self.counts for part in cell.split(separator)]
            labels = Counter(filter(None, found))
            short = sum(len(label.split()) for label in labels) <= LABEL_WORDS * len(labels) / 1.5
            again = sum(labels[part] > 1 for part in found if part) >= 0.8 * len(found)
            if short and again and len(labels) <= min(MOST_CLASSES, len(self.counts)):
                return separator
        return None

    @property
    def holds_labels(self) -> bool:
        """Whether rows could be told apart by it: a few values that recur, or lists of them."""
        if not self.cells or self.chats or self.parts or self.pictures or self.identifies:
            return False
        if self.lists:
            return self._all(_gives_labels)
        if self.separator:
            return True
        few = 2 <= len(self.counts) <= min(MOST_CLASSES, max(2, len(self.cells) // 3))
        return few and (self.words <= LABEL_WORDS or len(self.counts) <= len(self.cells) // 20)

    @property
    def measures(self) -> bool:
        """Whether it holds quantities: many different numbers, and no id."""
        if self.quantities is None or self.identifies or self.scale:
            return False
        counted = sorted(self.quantities) == list(range(len(self.quantities)))
        return len(set(self.quantities)) > MOST_STEPS and not counted

    @property
    def is_text(self) -> bool:
        """Whether somebody wrote it: words, and hardly the same twice."""
        if self.lists or self.chats or self.pictures or self.identifies or self.numbers is not None:
            return False
        return bool(self.cells) and self.words >= TEXT_WORDS and self.distinct > 0.3

    @property
    def groups(self) -> bool:
        """Whether it could name what rows have in common: a customer, an author, a product."""
        several = len(self.counts) < 0.9 * len(self.cells)
        many = len(self.counts) > max(MOST_STEPS, 0.02 * len(self.cells))
        flat = not (self.lists or self.chats or self.parts or self.pictures)
        short = self.words <= 4 and (self.numbers is None or self.identifies)
        return several and many and flat and short and not self.times

    @property
    def missing_by_name(self) -> list[str]:
        """Values that programs, and people, write where there is none."""
        return [cell for cell in self.counts if cell.lower() in NO_VALUE or cell in _DASHES]

    @cached_property
    def graded(self) -> bool:
        """Whether its values are steps of a scale that are no whole numbers: `4 out of 5`, ★★★,
        3.5."""
        if self.scale or not 3 <= len(self.counts) <= 2 * MOST_STEPS:
            return False
        halves = self.numbers is not None and all(2 * n == int(2 * n) for n in self.numbers)
        return halves or all(map(_GRADE.fullmatch, self.counts))

    def _all(self, holds: Any) -> bool:
        return bool(self.filled) and all(holds(value) for value in self.filled)


def _is_talk(value: Any) -> bool:
    if not is_chat(value):
        return False
    turns = listed(value) if isinstance(value, str) else value
    turns = turns if isinstance(turns, list) else [turns]
    return all(any(name in turn for name in ("role", "from")) for turn in turns)


def _gives_labels(value: Any) -> bool:
    """Whether a list has no objects in it, or an object says yes or no of each label."""
    value = unwrapped(listed(value) if isinstance(value, str) else value)
    if isinstance(value, dict):
        return all(each is None or str(each).strip().lower() in YES | NO for each in value.values())
    return not any(isinstance(each, dict) for each in value)


def is_number(cell: str) -> bool:
    """Whether Python reads a cell as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
