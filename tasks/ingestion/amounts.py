"""From a cell to a number, or to a sentence: never to another number.

How numbers are written is said for the column (`numbers.decimal`, `.thousands`, `.unit`), not
guessed for a cell: 1,234 is a thousand here and a little more than 1 there.
"""

import math
import re
from collections.abc import Sequence
from itertools import product

from tasks.config.numbers import NumbersConfig
from tasks.ingestion.labels import NO_VALUE
from tasks.wording import shown

PLAIN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
WRITTEN = re.compile(r"(?P<before>[^0-9.,+-]*)(?P<number>[-+]?[0-9][0-9.,' ]*)(?P<behind>[^0-9]*)")
"""A number in some way of writing, and what stands around it."""
MARKS = {",": "a comma", ".": "several points", "'": "an apostrophe", " ": "a space"}
ENDLESS = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)


class NumberError(ValueError):
    """Why a cell holds no number, as the end of a sentence."""


def number_of(cell: str | None, config: NumbersConfig) -> float | None:
    """The number that a cell holds; None where it is empty or names a missing value.

    Raises:
        NumberError: it holds something else, or a number that is written in another way.
    """
    text = _plain_signs(cell)
    if not text or text.lower() in NO_VALUE:
        return None
    if ENDLESS.fullmatch(text):
        raise NumberError("is not finite: give a number, or leave the cell empty")
    text = _without_unit(text, config.unit)
    plain = _without_thousands(text, config)
    if config.decimal != ".":
        if "." in plain:
            raise NumberError("has a point, and numbers.decimal is ','")
        plain = plain.replace(config.decimal, ".")
    if not PLAIN.fullmatch(plain):
        raise NumberError(_why(text, config))
    number = float(plain)
    if not math.isfinite(number):
        raise NumberError("is too large for a number")
    return number


def _without_unit(text: str, unit: str) -> str:
    """The text less the unit, on whichever side it stands."""
    if unit and text.lower().endswith(unit.lower()):
        return text[: -len(unit)].rstrip()
    if unit and text.lower().startswith(unit.lower()):
        return text[len(unit) :].lstrip()
    return text


def _without_thousands(text: str, config: NumbersConfig) -> str:
    mark = config.thousands
    if not mark or mark not in text:
        return text
    whole, point, decimals = text.partition(config.decimal)
    grouped = rf"[-+]?[0-9]{{1,3}}({re.escape(mark)}[0-9]{{3}})+"
    if mark in decimals or not re.fullmatch(grouped, whole):
        raise NumberError(f"has {mark!r} elsewhere than between thousands")
    return whole.replace(mark, "") + point + decimals


def _why(text: str, config: NumbersConfig) -> str:
    """What is wrong with a cell, and what to set where all are written so."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return "is no number"
    before, number, behind = (found[name].strip() for name in ("before", "number", "behind"))
    if before and behind:
        return "is no number"
    if unit := before or behind:
        instead = f"if all numbers are in it, set numbers.unit={unit!r}"
        if config.unit:
            instead = f"convert it to {config.unit}"
        return f"has {shown(unit)} beside its number: {instead}"
    mark = next((mark for mark in MARKS if mark in number), None)
    if mark is None or (mark != "." and mark in (config.decimal, config.thousands)):
        return "is no number"
    between = f"between thousands, set numbers.thousands={mark!r}"
    if mark == ",":
        return f"has a comma: if it stands before decimals, set numbers.decimal=',', if {between}"
    also = " and numbers.decimal=','" if mark == "." else ""
    return f"has {MARKS[mark]}: if it stands {between}{also}"


def writing_of(cells: Sequence[str]) -> NumbersConfig | None:
    """How the numbers of a column are written, told from all of its cells.

    Returns:
        What reads each cell; None where nothing does, or where two ways of writing read different
        numbers (1,234 in every cell).
    """
    units = set[str]()
    for cell in map(_plain_signs, cells):
        if cell.lower() not in NO_VALUE:
            around = WRITTEN.fullmatch(cell)
            if around is None:
                return None
            units.add((around["before"].strip() or around["behind"].strip()).lower())
    if len(units - {""}) > 1:
        return None
    found: dict[tuple[float | None, ...], NumbersConfig] = {}
    for thousands, decimal in product(("", ",", ".", " ", "'"), (".", ",")):
        if thousands != decimal:
            told = {"unit": max(units, default=""), "decimal": decimal, "thousands": thousands}
            config = NumbersConfig.model_validate(told)
            try:
                found.setdefault(tuple(number_of(cell, config) for cell in cells), config)
            except NumberError:
                continue
    return next(iter(found.values())) if len(found) == 1 else None


def _plain_signs(cell: str | None) -> str:
    """The cell with the minus and the spaces that a keyboard has."""
    return (cell or "").replace("\u2212", "-").replace("\u00a0", " ").replace("\u202f", " ").strip()
