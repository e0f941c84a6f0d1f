"""Text files are UTF-8: what to tell a user whose file is not."""

import codecs
from pathlib import Path

from tasks.errors import RequestError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
UTF8 = "utf-8-sig"
"""UTF-8 that may begin with a byte order mark, as spreadsheets write it."""


def refuse_wide_encodings(path: Path) -> None:
    """Tell a UTF-16 or UTF-32 file from its first bytes (nearly all of them valid UTF-8).

    Raises:
        RequestError: naming the encoding.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if marked or b"\0" in head:
        raise RequestError(
            f"{path} is {marked or 'UTF-16 or not text at all'}, not UTF-8: save it as UTF-8, "
            "or say what it is (data.encoding=utf-16, thaw new --encoding utf-16)."
        )


def not_utf8(path: Path) -> RequestError:
    """The sentence for a file that failed to decode: its first bad line and byte.

    No byte of a multi-byte UTF-8 character is a newline, so lines can be tried one at a time.
    """
    offset = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                place = offset + error.start
                return RequestError(
                    f"{path} is not UTF-8: line {number} has the byte 0x{line[error.start]:02x} "
                    f"at offset {place}; save the file as UTF-8, or say what "
                    "it is (data.encoding=cp1252)."
                )
            offset += len(line)
    return RequestError(f"{path} is not UTF-8; save the file as UTF-8, or set data.encoding.")
