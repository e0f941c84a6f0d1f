"""Expectation suites as they stand in `conf/expectations/`: read, checked for shape, typed.

A suite is one JSON object. `examples` and `labels` each hold a list of expectations on that
table (`tables.py` says which columns they have), written as Great Expectations itself writes
them:

    {"type": "expect_column_values_to_not_be_null",
     "severity": "critical",
     "description": "Every row has a text",
     "notes": "Fill the title and the synopsis, or remove the row.",
     "kwargs": {"column": "text", "mostly": 0.95},
     "meta": {"show": ["title", "synopsis"]}}

`critical` stops the run, `warning` is reported. Whether the type exists and takes these kwargs
is for `engine.py` to say, which alone knows Great Expectations.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.paths import conf_dirs, conf_file
from tasks.wording import nearest

Table = Literal["examples", "labels"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Display(_Frozen):
    """How an expectation's offending rows are shown."""

    show: tuple[str, ...] = ()
    """Columns whose values are shown (default: those that are checked)."""


class Expectation(_Frozen):
    """One expectation of a suite."""

    type: str
    """Great Expectations' name of it (`expect_…`)."""
    severity: Literal["critical", "warning"]
    """`critical` blocks the run, `warning` does not."""
    description: Words
    """What is expected, as a clause without full stop: "Every row has a text"."""
    notes: str = ""
    """What to do where it does not hold: a sentence, or nothing."""
    kwargs: dict[str, Any] = {}
    """Columns and thresholds, as the type takes them."""
    meta: Display = Display()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads; none where it is about the table."""
        named = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        several = self.kwargs.get("column_list") or []
        return tuple(str(column) for column in (*named, *several) if column is not None)

    @property
    def tolerance(self) -> float:
        """Share of the rows that may be otherwise."""
        return 1.0 - float(self.kwargs.get("mostly", 1.0))


class Suite(_Frozen):
    """The expectations of a case, by table."""

    examples: tuple[Expectation, ...]
    labels: tuple[Expectation, ...] = ()

    @property
    def by_table(self) -> tuple[tuple[Table, tuple[Expectation, ...]], ...]:
        """Each table's name with its expectations."""
        return (("examples", self.examples), ("labels", self.labels))


def suite_path(name: str) -> Path:
    """The file of the suite called `name` (with or without `.json`).

    Raises:
        RequestError: there is none.
    """
    path = conf_file(f"expectations/{name.removesuffix('.json')}.json")
    if not path.is_file():
        folders = [folder / "expectations" for folder in conf_dirs()]
        names = sorted({file.stem for folder in folders for file in folder.glob("*.json")})
        raise RequestError(
            f"There is no expectation suite {path}{nearest(name, names)}; "
            f"the suites are {', '.join(names) or 'none'}."
        )
    return path


def suite_of(config: CaseConfig) -> str:
    """The suite that a case names, else that of its own name, else its kind's."""
    if config.validation.suite:
        return config.validation.suite
    own = conf_file(f"expectations/{config.case}.json").is_file()
    return config.case if own else f"kinds/{config.task}"


def load_suite(name: str) -> Suite:
    """The suite called `name`.

    Raises:
        RequestError: there is none, it is not JSON, or a part of it is not as it should be.
    """
    path = suite_path(name)
    try:
        return Suite.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise RequestError(
            f"The expectation suite {path} is not JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}."
        ) from error
    except RecursionError as error:
        raise RequestError(f"The expectation suite {path} is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise RequestError(
            f"The expectation suite {path} is not UTF-8: byte {error.start} cannot be read."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise RequestError(
            f"The expectation suite {path} is wrong at {where} (counted from 0): {first['msg']}."
        ) from error
