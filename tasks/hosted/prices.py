"""What hosted models cost: `conf/openai.yaml`, and the estimates made from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.config import HostedConfig
from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError
from tasks.paths import conf_file

Dollars = Annotated[float, Field(ge=0)]


class Price(BaseModel):
    """US dollars for a million tokens, and how many tokens one example may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Dollars
    input: Dollars
    output: Dollars
    context: Annotated[int, Field(gt=0)] | None = None

    def training(self, tokens: int, epochs: int = 1) -> float:
        """Dollars of training on a file of so many tokens for so many epochs."""
        return self.train * tokens * epochs / 1e6

    def asking(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars of prompts and answers of the fine-tuned model."""
        return (self.input * tokens_in + self.output * tokens_out) / 1e6


class PriceList(BaseModel):
    """The whole table, with where and when its figures are from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str
    source: str
    defaults: dict[Literal["chat", "completion"], str] = {}
    models: dict[str, Price] = {}

    def model_for(self, hosted: HostedConfig) -> str:
        """The base model to fine-tune: the one that is named, or the format's default.

        Raises:
            RequestError: neither is there.
        """
        model = hosted.model or self.defaults.get(hosted.format)
        if model is None:
            raise RequestError(
                f"hosted.model is not set and conf/openai.yaml has no default for the format "
                f"{hosted.format}: name the server's base model in hosted.model."
            )
        return model

    def estimate(self, model: str, tokens: int, epochs: int | None) -> str:
        """What training would cost, as a sentence for people."""
        price = self.models.get(model)
        if price is None:
            known = ", ".join(self.models) or "no model"
            return f"No price is known for {model}: conf/openai.yaml lists {known}."
        passes = "1 epoch" if epochs in (None, 1) else f"{epochs} epochs"
        if epochs is None:
            passes += " (the server chooses how many)"
        cost = price.training(tokens, epochs or 1)
        shown = f"about ${cost:,.2f}" if cost >= 0.01 else "less than $0.01"
        return (
            f"Training {model} on it for {passes} costs {shown} (${price.train:g} a million "
            f"tokens; an estimate: {self.source}, {self.as_of})."
        )


def price_list() -> PriceList:
    """The table of `conf/openai.yaml`; an empty one where there is no such file.

    Raises:
        RequestError: the file is not readable or does not fit.
    """
    path = conf_file("openai.yaml")
    try:
        return PriceList.model_validate(from_yaml(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        return PriceList(as_of="", source="no table")
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise RequestError(f"{path} is not a readable table of prices: {error}") from error
