"""What OpenAI's API answers when it fails, as sentences for the user."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tasks.config import HostedConfig
from tasks.errors import RequestError, ThawError

if TYPE_CHECKING:
    import openai

AGAIN = "run the same command later to go on from here."


class RefusedError(RequestError):
    """The server does not take this request, and would not take it a second time (400, 422)."""


def sentence_of(
    error: Exception, what: str, host: str, hosted: HostedConfig, clean: Callable[[object], str]
) -> ThawError | None:
    """The failure as the user reads it; None for one that is not the API's.

    Args:
        error: what the SDK raised, after all its repetitions.
        what: what happened meanwhile ("a row was asked").
        host: the server, as the sentence names it.
        hosted: the configuration, for what would be right.
        clean: takes the key out of a text.
    """
    if isinstance(error, ThawError):
        return error
    import openai  # see `HostedApi`: whoever asks no server does not wait for it

    if isinstance(error, openai.APITimeoutError):
        return ThawError(
            f"{host} was silent for {hosted.timeout:g} seconds (hosted.timeout) while {what}; "
            f"{AGAIN}"
        )
    if isinstance(error, openai.APIConnectionError):
        cause = clean(error.__cause__ or error)
        return ThawError(f"{host} cannot be reached while {what} ({cause}); {AGAIN}")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, what, host, hosted, clean)
    if isinstance(error, openai.OpenAIError | ValidationError | AttributeError | ValueError):
        return ThawError(
            f"{host} gave an answer that is not of OpenAI's API while {what} "
            f"({type(error).__name__}); check hosted.base_url."
        )
    return None


def _of_status(
    error: "openai.APIStatusError",
    what: str,
    host: str,
    hosted: HostedConfig,
    clean: Callable[[object], str],
) -> ThawError:
    status, said = error.status_code, clean(_message(error))
    if status in {401, 403}:
        return RequestError(f"{host} refuses the key in {hosted.key_variable} while {what}: {said}")
    if status in {400, 422}:
        return RefusedError(f"{host} refuses the request while {what}: {said}")
    if status in {404, 405, 413}:
        return RequestError(
            f"{host} answers {status} while {what} ({said}); check hosted.base_url and "
            "hosted.model."
        )
    return ThawError(f"{host} kept answering {status} while {what} ({said}); {AGAIN}")


def _message(error: "openai.APIStatusError") -> str:
    """What the server said, without the JSON around it."""
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"])[:500]
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
