"""What hosted models cost and until when they are served: `conf/hosted.yaml`, and what follows."""

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.config import HostedConfig
from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError
from tasks.paths import conf_dirs, conf_file

Dollars = Annotated[float, Field(ge=0)]
TABLE = "hosted.yaml"
FORMER = "openai.yaml"
"""What the table was called once."""


def today() -> date:
    """The day by this machine's clock."""
    return date.today()


class Price(BaseModel):
    """US dollars for a million tokens, how many tokens one example may have, and the last day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Dollars
    input: Dollars
    output: Dollars
    context: Annotated[int, Field(gt=0)] | None = None
    ends: date | None = None

    def training(self, tokens: int, epochs: int = 1) -> float:
        """Dollars of training on a file of so many tokens for so many epochs."""
        return self.train * tokens * epochs / 1e6

    def asking(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars of prompts and answers of the fine-tuned model."""
        return (self.input * tokens_in + self.output * tokens_out) / 1e6


class PriceList(BaseModel):
    """The whole table, with where and when its figures are from.

    Attributes:
        server: the host whose models these are: elsewhere a model of the same name is another.
        ends: the day from which that host fine-tunes nothing at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str
    source: str
    server: str | None = None
    ends: date | None = None
    models: dict[str, Price] = {}

    def model_for(self, hosted: HostedConfig, day: date) -> str:
        """The base model to fine-tune on that day.

        Raises:
            RequestError: none is named, or it is past its end at the table's server.
        """
        if hosted.model is None:
            raise RequestError(
                "hosted.model is not set: name the base model as its server does; "
                f"conf/{TABLE} lists {', '.join(self.models) or 'none'}."
            )
        address = hosted.base_url
        here = address is None or urlsplit(str(address)).hostname == self.server
        ended = self._ended(hosted.model, day) if here else ""
        if ended:
            raise RequestError(
                f"{ended}: name another hosted.model, or another server that speaks this API in "
                "hosted.base_url. `thaw export` still writes the files."
            )
        return hosted.model

    def _ended(self, model: str, day: date) -> str:
        """That a model, or all fine-tuning, has ended, and when; empty before that."""
        known = self.models.get(model)
        if known is not None and known.ends is not None and known.ends <= day:
            return f"{model} ended at {self.server} on {known.ends:%-d %B %Y}"
        if self.ends is not None and self.ends <= day:
            return f"Fine-tuning at {self.server} ended on {self.ends:%-d %B %Y}"
        return ""

    def estimate(self, model: str | None, tokens: int, epochs: int | None, day: date) -> str:
        """What training would cost, as a sentence for people, and that it is past, where it is."""
        price = self.models.get(model or "")
        if price is None:
            known = ", ".join(self.models) or "no model"
            whose = f"for {model}" if model else "as long as hosted.model names no model"
            return f"No price is known {whose}: conf/{TABLE} lists {known}."
        passes = "1 epoch" if epochs in (None, 1) else f"{epochs} epochs"
        if epochs is None:
            passes += " (the server chooses how many)"
        cost = price.training(tokens, epochs or 1)
        shown = f"about ${cost:,.2f}" if cost >= 0.01 else "less than $0.01"
        ended = self._ended(str(model), day)
        return (
            f"Training {model} on it for {passes} costs {shown} (${price.train:g} a million "
            f"tokens; an estimate: {self.source}, {self.as_of})."
            f"{f' {ended}.' if ended else ''}"
        )


def price_list() -> PriceList:
    """The table of `conf/hosted.yaml`; an empty one where there is no such file.

    Raises:
        RequestError: the file is not readable or does not fit, or has the name of earlier releases.
    """
    for folder in conf_dirs():
        if (folder / FORMER).is_file():
            raise RequestError(
                f"{folder / FORMER} is called {TABLE} now, and its models have `ends` in place of "
                f"`defaults`: rename it, and leave out `defaults`."
            )
    path = conf_file(TABLE)
    try:
        return PriceList.model_validate(from_yaml(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        return PriceList(as_of="", source="no table")
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise RequestError(f"{path} is not a readable table of prices: {error}") from error
