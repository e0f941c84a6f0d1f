"""Times as people write them, read without guessing which number is the day."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from tasks.errors import RequestError
from tasks.wording import shown

_YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T,]+(.+))?")
_COUNTED = re.compile(r"\d{9,13}(?:\.\d+)?")
"""Seconds since 1970, or, from 12 digits on, thousandths of them."""
_CLOCK = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")


def moments_of(cells: Sequence[str | None], rows: Sequence[int]) -> np.ndarray:
    """float (cells,): seconds since 1970 in UTC, for which a time without a zone is taken.

    Read are ISO 8601 (2026-01-31, 2026-01-31T08:30:00+01:00), 31.01.2026, dates with slashes or
    dashes whose year stands last where some cell shows which number is the day, and seconds since
    1970.

    Args:
        cells: as the file has them.
        rows: the numbers of their rows, for messages.

    Raises:
        RequestError: a cell is empty or no such time, with its row; or days and months could be
            either of two numbers.
    """
    texts = [(cell or "").strip() for cell in cells]
    day_first = _day_first(texts)
    found = np.full(len(texts), np.nan)
    for at, text in enumerate(texts):
        try:
            found[at] = _moment(text, day_first)
        except (ValueError, OverflowError, OSError):
            continue
    bad = np.flatnonzero(np.isnan(found))
    if len(bad):
        first = texts[bad[0]]
        raise RequestError(
            f"data.time_column: {len(bad):,} usable rows have no time that can be read, the first "
            f"in row {rows[bad[0]]}: {shown(first) if first else '(empty)'}. Write times as "
            "2026-01-31 or 2026-01-31 08:30, or leave such rows out of the file."
        )
    return found


def _day_first(texts: Sequence[str]) -> bool:
    """Whether dates whose year stands last begin with the day.

    Raises:
        RequestError: nothing in them says so.
    """
    split = [match for text in texts if (match := _YEAR_LAST.fullmatch(text)) is not None]
    open_to = [match for match in split if match[2] != "."]  # with dots the day is always first
    if not open_to:
        return True
    first = max(int(match[1]) for match in open_to)
    second = max(int(match[3]) for match in open_to)
    if (first > 12) == (second > 12):
        raise RequestError(
            f"data.time_column: in {open_to[0][0]}, {open_to[0][1]} could be the day or the month, "
            "and no other row tells: write times as 2026-01-31."
        )
    return first > 12


def _moment(text: str, day_first: bool) -> float:
    """Seconds since 1970; ValueError where it is no time."""
    if _COUNTED.fullmatch(text):
        number = float(text)
        return number / 1000 if number >= 1e11 else number
    if match := _YEAR_LAST.fullmatch(text):
        days = (match[1], match[3]) if day_first or match[2] == "." else (match[3], match[1])
        date = f"{match[4]}-{days[1]:0>2}-{days[0]:0>2}"
        moment = datetime.fromisoformat(date)
        if match[5]:
            clock = _clock(match[5])
            moment = moment.replace(hour=clock.hour, minute=clock.minute, second=clock.second)
    else:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _clock(text: str) -> datetime:
    for form in _CLOCK:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    raise ValueError(text)
