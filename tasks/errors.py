"""The errors that a user is meant to read: one sentence each, and an exit code.

A message says what was wrong, where (file, row, column, field) and what would be right. It holds
no secret, whatever was put into it.
"""

from tasks.secrets import redacted

LONGEST = 2_000
"""Characters of a message: what it quotes of a file may have megabytes."""


class ThawError(Exception):
    """The run failed for a reason that can be stated in a sentence (exit code 1)."""

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(_readable(redacted(str(message))))


class DivergedError(ThawError):
    """Training came to what is no number, or far worse than a guess: no arm to compare.

    Others of its sweep go on without it.
    """


class RequestError(ThawError):
    """The request or its data was wrong: nothing was trained, nothing registered (exit code 2)."""

    exit_code = 2


def _readable(message: str) -> str:
    """The message without its middle, where that is long: what is wrong stands at its ends."""
    if len(message) <= LONGEST:
        return message
    half = LONGEST // 2
    left_out = len(message) - 2 * half
    return f"{message[:half]} [… {left_out:,} characters …] {message[-half:]}"
