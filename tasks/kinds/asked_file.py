"""A table that `thaw predict` is given, which may be written otherwise than the case's own."""

from pathlib import Path

from tasks.config import DataConfig
from tasks.drafting.form import form_of
from tasks.errors import RequestError
from tasks.ingestion.plain import plain_file
from tasks.registry.prediction import read_rows


def rows_of_table(file: Path, data: DataConfig) -> tuple[list[dict[str, str]], list[str | None]]:
    """The rows of a table that is asked: written as the case's own, or as it shows itself.

    Raises:
        RequestError: as reading it the case's way raises it.
    """
    try:
        return read_rows(file, data)
    except RequestError as error:
        try:
            told = form_of(file).fields
        except RequestError:
            raise error from None
        file = plain_file(file, encoding=told.get("encoding"))
        written = {
            "separator": told.get("separator"),
            "quotes_are_text": told.get("quotes_are_text", False),
        }
        return read_rows(file, data, written)
