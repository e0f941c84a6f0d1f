"""Fine-tuning at a server that speaks OpenAI's API."""

import os
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tasks.address import Address
from tasks.config.base import Frozen
from tasks.errors import RequestError
from tasks.secrets import meet


class HostedConfig(Frozen):
    """A model that is fine-tuned and asked over OpenAI's API: `thaw export`, and one more arm of
    the sweep with `training.backend=hosted`."""

    format: Literal["chat", "completion"] = "chat"
    """`completion`: prompt, separator, space, label (the chapter's); `chat`: messages."""
    model: str | None = None
    """The base model's name at the server. `conf/hosted.yaml` has prices of some, and until when
    they are served."""
    system: str = ""
    """System message of the chat format (empty: none)."""
    separator: Annotated[str, Field(min_length=1)] = "\n\n###\n\n"
    """What ends each prompt of the completion format; no text may contain it."""
    tokenizer: str = "gpt2-tokenizer"
    """Counts tokens and checks that each label is one: a name from conf/base_models.yaml."""
    epochs: Annotated[int, Field(ge=1)] | None = 1
    """Passes over the training file (none: the server decides)."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Rows per update (none: the server decides)."""
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | None = None
    """Factor on the server's own learning rate (none: the server decides)."""
    base_url: Address | None = None
    """Address of a server that speaks this API (`http://127.0.0.1:8000/v1`); files are exported
    without one."""
    key_variable: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] = "OPENAI_API_KEY"
    """The environment variable that holds the key; the key itself is never configured."""
    timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds without an answer after which a request is given up and repeated."""
    retries: Annotated[int, Field(ge=0)] = 8
    """Repetitions of a request that met a rate limit, a server's error or silence."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Rows that are asked at a time."""
    poll_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Seconds between two looks at the job."""
    longest_hours: Annotated[float, Field(gt=0)] = 24.0
    """Hours after which watching is given up; the job goes on, and the same command watches on."""
    cancel_on_interrupt: bool = False
    """Whether Ctrl-C also cancels the job; by default it goes on, and `thaw cancel` ends it."""

    @field_validator("base_url", mode="before")
    @classmethod
    def _without_last_slash(cls, address: Any) -> Any:
        return address.rstrip("/") if isinstance(address, str) else address

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, address: Address | None) -> Address | None:
        if address is None:
            return None
        if not str(address).startswith(("http://", "https://")):
            raise ValueError("is no address that starts with https:// or http://")
        if "@" in str(address):
            raise ValueError("holds a name or a key before @: keys belong in hosted.key_variable")
        return address


def key_of(hosted: HostedConfig) -> str:
    """The key from the environment.

    Raises:
        RequestError: the variable is not set.
    """
    key = os.environ.get(hosted.key_variable, "").strip()
    if not key:
        raise RequestError(
            f"There is no API key: set the environment variable {hosted.key_variable} "
            f"(hosted.key_variable) to one for {hosted.base_url}, or training.backend=local."
        )
    meet(key)
    return key
