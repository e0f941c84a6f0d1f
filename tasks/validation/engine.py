"""Great Expectations, behind one function: the only module that imports it.

Importing it takes seconds, so it is imported where a validation starts and nowhere earlier.
It runs with an ephemeral context: no `gx/` folder, no progress bars, no telemetry.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.exceptions import ExpectationNotFoundError, GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.registry import list_registered_expectation_implementations

from tasks.errors import RequestError
from tasks.validation.findings import Outcome
from tasks.validation.suites import Expectation
from tasks.wording import nearest

# This one sets itself to INFO, past the level of its parents (see `__init__.py`).
logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)

# BASIC leaves out the list of all unexpected indices and the query that would select them;
# what is shown of the offending rows is this many of them.
MAX_OFFENDERS = 5
RESULT_FORMAT = {
    "result_format": "BASIC",
    "include_unexpected_rows": True,
    "partial_unexpected_count": MAX_OFFENDERS,
}


def evaluate(table: pd.DataFrame, expectations: Sequence[Expectation], suite: str) -> list[Outcome]:
    """The outcome of each expectation on `table`, in their order.

    Args:
        table: the rows, indexed 0, 1, 2, …
        expectations: what should hold of them.
        suite: its name, for messages.

    Raises:
        RequestError: an expectation that Great Expectations does not know, or not with these
            kwargs, or that cannot be computed on its column.
    """
    built = [_build(expectation, suite) for expectation in expectations]
    with _batches() as batch:
        # One at a time: the intermediate results of each (copies of rows) go before the next.
        return [
            _outcome(batch, known, expectation, table, suite)
            for known, expectation in zip(built, expectations, strict=True)
        ]


def _build(expectation: Expectation, suite: str) -> Any:
    try:
        return ExpectationConfiguration(
            type=expectation.type, kwargs=dict(expectation.kwargs), severity=expectation.severity
        ).to_domain_obj()
    except ExpectationNotFoundError as error:
        known = list_registered_expectation_implementations()
        raise RequestError(
            f"Suite {suite} names {expectation.type!r}, which is no expectation"
            f"{nearest(expectation.type, known)}."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part != "__root__")
        raise RequestError(
            f"In suite {suite}, {_name(expectation)} has wrong kwargs: "
            f"{f'{field}: ' if field else ''}{first['msg']}."
        ) from error
    except GreatExpectationsError as error:
        raise RequestError(f"In suite {suite}, {_name(expectation)} is wrong: {error}.") from error


@contextmanager
def _batches() -> Iterator[Callable[[pd.DataFrame], Any]]:
    """A function that makes a batch of a table; afterwards no trace is left of either."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("tables")
    whole = source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")
    try:
        yield lambda table: whole.get_batch(batch_parameters={"dataframe": table})
    finally:
        context.data_sources.delete("tables")


def _outcome(
    batch: Callable[[pd.DataFrame], Any],
    known: Any,
    expectation: Expectation,
    table: pd.DataFrame,
    suite: str,
) -> Outcome:
    missing = tuple(name for name in expectation.columns if name not in table.columns)
    if missing:
        return Outcome(passed=False, missing=missing)
    read = _what_it_reads(expectation, table)
    try:
        validated = batch(read).validate(known, result_format=RESULT_FORMAT)
    except GreatExpectationsError as error:
        raise RequestError(f"In suite {suite}, {_name(expectation)} is wrong: {error}.") from error
    problem = _problem(validated.exception_info or {})
    if problem and read.isna().to_numpy().all():  # many figures do not exist without values
        return Outcome(passed=False, checked=0)
    if problem:
        raise RequestError(
            f"In suite {suite}, {_name(expectation)} cannot be checked: {problem.rstrip('.')}."
        )
    result = validated.result
    checked = result.get("element_count")
    rows = result.get("unexpected_rows")
    return Outcome(
        passed=bool(validated.success),
        checked=None if checked is None else checked - (result.get("missing_count") or 0),
        unexpected=result.get("unexpected_count"),
        observed=result.get("observed_value"),
        offenders=() if rows is None else tuple(int(position) for position in rows.index),
    )


def _what_it_reads(expectation: Expectation, table: pd.DataFrame) -> pd.DataFrame:
    """The part of `table` that is needed: all that is given is hashed, and copied several times."""
    if expectation.type.startswith("expect_table_row_count"):
        return table.iloc[:, :1]
    if not expectation.columns or "row_condition" in expectation.kwargs:
        return table
    return table[list(dict.fromkeys(expectation.columns))]


def _problem(info: dict[str, Any]) -> str | None:
    """The message of the first exception, whether `info` is about one or maps metrics to them."""
    for item in (info, *info.values()):
        if isinstance(item, dict) and item.get("exception_message"):
            return str(item["exception_message"])
    return None


def _name(expectation: Expectation) -> str:
    on = f" on {', '.join(expectation.columns)}" if expectation.columns else ""
    return f"{expectation.type}{on}"
