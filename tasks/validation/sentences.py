"""Outcomes in plain English: what was expected, what was found, how much is tolerated."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tasks.validation.findings import Outcome
from tasks.validation.suites import Expectation, Table
from tasks.wording import nearest

VALUE_LENGTH = 60
_SPACES = re.compile(r"[ \t\r\n]+")


def sentence(
    expectation: Expectation, outcome: Outcome, table: Table, columns: Sequence[str]
) -> str:
    """One sentence for any expectation: its description, then what came of it.

    Args:
        expectation: as the suite has it.
        outcome: what came of it.
        table: the table it is about.
        columns: those that this table has.
    """
    checked, unexpected = outcome.checked, outcome.unexpected
    if outcome.missing:
        absent = outcome.missing[0]
        found = f"there is no column {absent}{nearest(absent, columns)}; "
        found += f"the columns are {', '.join(columns)}"
    elif unexpected is not None and checked:
        found = _counted(unexpected, checked, expectation.tolerance, _noun(table, checked))
    elif outcome.observed is not None:
        found = f"found {shorten(outcome.observed)}{_wanted(expectation)}"
    elif checked == 0:
        found = "there was nothing to check"
    else:
        found = "yes" if outcome.passed else "no"
    return f"{expectation.description}: {found}."


def _counted(unexpected: int, checked: int, tolerance: float, noun: str) -> str:
    if not unexpected:
        return f"true of the only {noun}" if checked == 1 else f"true of all {checked:,} {noun}"
    allowed = f"up to {percent(tolerance)}" if tolerance > 0 else "none"
    return (
        f"untrue of {unexpected:,} of {checked:,} {noun} ({percent(unexpected / checked)}), "
        f"tolerated: {allowed}"
    )


def _noun(table: Table, count: int) -> str:
    noun = "row" if table == "examples" else "label"
    return noun if count == 1 else f"{noun}s"


def _wanted(expectation: Expectation) -> str:
    low, high = (expectation.kwargs.get(key) for key in ("min_value", "max_value"))
    if low is not None and high is not None:
        return f", wanted {low} to {high}"
    if low is not None:
        return f", wanted at least {low}"
    if high is not None:
        return f", wanted at most {high}"
    return ""


def percent(share: float) -> str:
    """`0.0512` as `5.12%`, `0.00004` as `<0.01%`, and never a rounded 0% or 100%."""
    if 0 < share < 0.0001:
        return "<0.01%"
    if 0.9999 < share < 1:
        return ">99.99%"
    return f"{round(share * 100, 2):g}%"


def shorten(value: object) -> str | None:
    """`value` on one line of at most 60 characters, printable; None for what is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    # Enough for the result, without working through a text of megabytes.
    text = _SPACES.sub(" ", str(value)[: 10 * VALUE_LENGTH].strip(" \t\r\n"))
    # Control characters of the data must not reach the terminal, and labels may differ in them.
    text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 1].rstrip()}…"
