"""In which encoding a text file is written that is not UTF-8, told from its letters.

charset_normalizer tells scripts apart well. The encodings of Latin script differ in a few letters:
the one counts in which fewest signs are no letters of its languages, or stand where none stands.
What was told is said, and `thaw new --encoding` overrules it.
"""

import codecs
import unicodedata
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

from charset_normalizer import from_bytes

from tasks.errors import RequestError

WESTERN = "cp1252"
_USUAL = set("«»“”„‘’‚–—…•€£°§©®™½¼×·´`\u00a0\u00ad¡¿ºª")
"""Signs of texts in any of these encodings."""
_ROMANCE_AND_GERMANIC = (
    *("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíóúüñ", "áâãàçéêíóôõú", "àèéìîòóùú", "áéèëïíóöüú"),
    *("åäöæøéü", "áéíóúýðþæö", "äöåšž", "àçèéíïóòúü", "äöõüšž"),
)
_ALPHABETS = {
    WESTERN: _ROMANCE_AND_GERMANIC,
    "cp1250": ("ąćęłńóśźż", "áäčďéěíĺľňóôŕřšťúůýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž"),
    "cp1254": ("âçğıi\u0307îöşûü",),
    "mac_roman": _ROMANCE_AND_GERMANIC,
}
"""Encodings of Western, Central European and Turkish Windows, and of old Macs: the letters beyond
ASCII of each language that was written in them. A text has those of one, mostly."""
_NEVER_BEHIND_A_LETTER = set("¡¿³¹²")
_MOST_LINES = 2_000
"""Lines with a letter beyond ASCII that are looked at: more tell nothing new."""


def encoding_of(path: Path) -> str | None:
    """What text that is not UTF-8 seems to be; None where it is, or is no text.

    Raises:
        RequestError: neither text nor Parquet.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
        if start.startswith(b"PAR1"):
            return None
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in start[:4]:
            return None  # refused by what reads it
        if _is_utf8(path):
            return None
        if b"\0" in start:
            raise RequestError(
                f"{path} is neither text nor Parquet: its bytes are those of a picture, a document "
                "or a program, or packed (.gz, .zip … say so)."
            )
        stream.seek(0)
        telling = islice((line for line in stream if not line.isascii()), _MOST_LINES)
        return told_by(b"".join(telling))


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(2**20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def told_by(text: bytes) -> str:
    """The encoding in which bytes look most like a language."""
    best = from_bytes(text).best()
    if best is not None and not _is_latin(str(best)):
        return str(best.encoding)
    odd = {name: share for name in _ALPHABETS if (share := _odd(text, name)) is not None}
    return min(odd, key=lambda name: odd[name], default=WESTERN)


def _odd(text: bytes, name: str) -> float | None:
    """The share of signs beyond ASCII that no one language has, or that stand where none stands;
    None where the bytes cannot be in that encoding."""
    try:
        read = text.decode(name)
    except UnicodeDecodeError:
        return None
    signs = Counter(sign.lower() for sign in read if not sign.isascii() and sign not in _USUAL)
    misplaced = sum(
        sign in _NEVER_BEHIND_A_LETTER and before.isalpha() for before, sign in pairwise(f" {read}")
    )
    strange = min(
        sum(count for sign, count in signs.items() if not set(sign) <= set(letters))
        for letters in _ALPHABETS[name]
    )
    return (strange + misplaced) / max(signs.total() + misplaced, 1)


def _is_latin(text: str) -> bool:
    letters = [sign for sign in text if not sign.isascii() and sign.isalpha()]
    latin = sum(unicodedata.name(sign, "").startswith("LATIN") for sign in letters)
    return 2 * latin >= len(letters)
