"""What others must not read: passwords and keys, and how every text is kept free of them.

Libraries repeat addresses in errors of their own. So this process remembers every secret that it
has met (`tasks/address.py` brings them), and `redacted` takes them out of what leaves it:
sentences, logs, runs, pages.
"""

import logging
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
SHORTEST = 6
"""Characters of a secret that is sought by itself: a shorter one would be found in any text."""
_ONLY_REFERENCES = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|:)*")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_USER = re.compile(r"(?<=://)[^/\s\"'<>@]+(?=@)")
_PARTS = re.compile(
    r"(?P<scheme>[^:/]+://)?(?P<place>[^?#]*)(?P<query>\?[^#]*)?(?P<rest>#.*)?", re.DOTALL
)
_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$")
_met: dict[str, str] = {}
"""Secret -> what stands in its place."""
_perhaps: dict[str, str] = {}
"""The same of what a query sets: `token=…` is a secret, `format=parquet` a word like any other."""


def shown(address: str) -> str:
    """An address without user, password, values of its query and fragment.

    References to environment variables stay, since they say nothing.
    """
    parts = _PARTS.fullmatch(address)
    assert parts is not None  # noqa: S101 - the form takes any text
    user, place = _divided(parts["place"])
    if user and not _ONLY_REFERENCES.fullmatch(user):
        user = HIDDEN
    query = "&".join(_pair_shown(pair) for pair in (parts["query"] or "")[1:].split("&"))
    rest = "#" + _value_shown(parts["rest"][1:]) if parts["rest"] else ""
    before = f"{user}@" if user else ""
    return f"{parts['scheme'] or ''}{before}{place}{'?' if parts['query'] else ''}{query}{rest}"


def _divided(place: str) -> tuple[str, str]:
    """What stands before the host's @, and the rest; a password may hold a slash by mistake."""
    authority = place.partition("/")[0]
    port = authority.rpartition(":")[2]
    if "@" not in authority and (":" not in authority or port.isdecimal() or not port):
        return "", place
    user, at, rest = (authority if "@" in authority else place).rpartition("@")
    if not at:
        return "", place
    return user, rest + (place[len(authority) :] if "@" in authority else "")


def _pair_shown(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={_value_shown(value)}" if equals else _value_shown(pair)


def _value_shown(value: str) -> str:
    return value if not value or _ONLY_REFERENCES.fullmatch(value) else HIDDEN


def remember(address: str) -> None:
    """Meet the secrets of an address."""
    parts = _PARTS.fullmatch(address)
    assert parts is not None  # noqa: S101 - the form takes any text
    user = _divided(parts["place"])[0]
    if user and not _ONLY_REFERENCES.fullmatch(user):
        _met[f"{user}@"] = f"{HIDDEN}@"
        for each in {user, *user.split(":", 1)[-1:]}:
            meet(each)
    for pair in (parts["query"] or "")[1:].split("&"):
        value = pair.partition("=")[2]
        if value and _value_shown(value) == HIDDEN:
            for before in "?&":
                _met[before + pair] = before + _pair_shown(pair)
            if len(value) >= SHORTEST:
                _perhaps.update({pair: _pair_shown(pair), value: HIDDEN, unquote(value): HIDDEN})


def meet(secret: str) -> None:
    """Know a secret from now on, as it stands in an address and decoded."""
    for form in {secret, unquote(secret)}:
        if len(form) >= SHORTEST and form != HIDDEN and not _ONLY_REFERENCES.fullmatch(form):
            _met[form] = HIDDEN


def _secrets() -> Iterator[tuple[str, str]]:
    """All secrets met, and those that the environment holds by the names of its variables."""
    for name, value in list(os.environ.items()):
        if _NAMES.search(name.upper()) and len(value) >= SHORTEST + 2 and value not in _met:
            _met[value] = HIDDEN
        elif "://" in value and _USER.search(value):
            remember(value)
    yield from _longest_first(_met)


def _longest_first(secrets: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(secrets.items(), key=lambda pair: -len(pair[0]))


def without_secrets(text: str) -> str:
    """A text that is kept, without any secret that this process has met; all else stays."""
    for secret, instead in _secrets():
        text = text.replace(secret, instead)
    return text


def redacted(text: str) -> str:
    """A text for people, also without what may be a secret.

    That is what queries of addresses set, and user and password of any address in the text.
    """
    kept = without_secrets(text)
    for secret, instead in _longest_first(_perhaps):
        kept = kept.replace(secret, instead)
    return _USER.sub(_user_shown, kept) if "://" in kept else kept


def _user_shown(found: re.Match[str]) -> str:
    return found[0] if _ONLY_REFERENCES.fullmatch(found[0]) else HIDDEN


def hidden_addresses(text: str) -> str:
    """What a user typed, to be repeated to him: addresses in it are shown without secrets."""
    return redacted(_ADDRESS.sub(lambda found: shown(found[0]), text))


def guard_logs() -> None:
    """Let every log record of this process pass `redacted`, whoever writes it and wherever to."""
    make = logging.getLogRecordFactory()
    if getattr(make, "guarded", False):
        return

    def guarded(*fields: Any, **more: Any) -> logging.LogRecord:
        record = make(*fields, **more)
        _clean(record)
        return record

    guarded.guarded = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(guarded)


def _clean(record: logging.LogRecord) -> None:
    try:
        said = record.getMessage()
    except Exception:  # a wrong format is reported by logging itself
        return
    if (clean := redacted(said)) != said:
        record.msg, record.args = clean, ()
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        trace = logging.Formatter().formatException(record.exc_info)
        if (clean := redacted(trace)) != trace:
            record.exc_text = clean
