"""The records of one large JSON file, one after another, without the file in memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ijson

from tasks.errors import RequestError

Record = dict[str, Any]


def records(path: Path, key: str) -> Iterator[tuple[int, Record]]:
    """The objects of the list under `key` of a file's one object, with their numbers from 1.

    Raises:
        RequestError: the file is not there, not JSON (after which record), without that list,
            or holds something else than objects in it.
    """
    number = 0
    try:
        with path.open("rb") as stream:
            if stream.read(3) != codecs.BOM_UTF8:  # what Windows' editors put before the text
                stream.seek(0)
            for record in ijson.items(stream, f"{key}.item", use_float=True):
                number += 1
                if not isinstance(record, dict):
                    raise RequestError(f"{path}, {key} {number}: no object, but {record!r:.60}.")
                yield number, record
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise RequestError(
            f"{path} is not whole JSON: after {number} of its {key} comes {reason!r}."
        ) from error
    if not number:
        raise RequestError(f'{path} holds no {key}: {{"{key}": [{{...}}, ...]}} is needed.')


def whole_number(record: Record, name: str, where: str) -> int:
    """A field that must be a whole number (an id).

    Raises:
        RequestError: it is not.
    """
    value = record.get(name)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = f"is {value!r:.40}" if name in record else "is missing"
        raise RequestError(f"{where}: {name} {shown}, and should be a whole number.")
    return value
