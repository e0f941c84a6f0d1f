"""The price table that ships, and the sentences made from it."""

from datetime import date
from pathlib import Path

import pytest

from tasks.config import HostedConfig
from tasks.config.case_files import case_names
from tasks.errors import RequestError
from tasks.hosted.prices import Price, PriceList, price_list

DAY = date(2026, 11, 30)


def test_the_table_that_ships_says_that_it_is_an_estimate_and_when_each_model_ends() -> None:
    prices = price_list()
    assert "not checked" in prices.source
    assert all(price.ends is not None for price in prices.models.values())
    assert "hosted" not in case_names()


def openai(model: str, address: str | None = "https://api.openai.com/v1") -> HostedConfig:
    return HostedConfig.model_validate({"model": model, "base_url": address})


def test_a_model_past_its_end_is_refused_with_the_date_and_one_before_it_is_not() -> None:
    prices, day = price_list(), date(2026, 10, 1)
    for address in ("https://api.openai.com/v1", None):
        with pytest.raises(RequestError, match=r"ended at .* on 28 September 2026"):
            prices.model_for(openai("davinci-002", address), day)
    assert prices.model_for(openai("gpt-4.1-2025-04-14"), day) == "gpt-4.1-2025-04-14"
    with pytest.raises(RequestError, match=r"Fine-tuning at .* ended on 6 January 2027"):
        prices.model_for(openai("gpt-4.1-2025-04-14"), date(2027, 1, 6))
    told = prices.estimate("babbage-002", 100, 1, day)
    assert told.endswith("babbage-002 ended at api.openai.com on 28 September 2026.")


def test_another_server_says_itself_what_it_serves() -> None:
    hosted = openai("babbage-002", "http://127.0.0.1:8000/v1")
    assert price_list().model_for(hosted, date(2030, 1, 1)) == "babbage-002"


def test_dollars_follow_tokens_and_epochs() -> None:
    price = Price(train=3.0, input=0.3, output=1.2)
    assert price.training(1_000_000, 2) == 6.0
    assert price.asking(1_000_000, 500_000) == pytest.approx(0.9)


def test_an_estimate_names_its_source() -> None:
    prices = PriceList(
        as_of="2025", source="hearsay", models={"m": Price(train=2.0, input=1, output=1)}
    )
    told = prices.estimate("m", 3_000_000, 2, DAY)
    assert "about $12.00" in told
    assert "2 epochs" in told
    assert "hearsay" in told
    assert "less than $0.01" in prices.estimate("m", 10, 1, DAY)
    assert "the server chooses" in prices.estimate("m", 10, None, DAY)


def test_an_unknown_model_has_no_price() -> None:
    assert price_list().estimate("my-own", 100, 1, DAY).startswith("No price is known for my-own")


def test_a_damaged_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_HOME", str(tmp_path / "a bare installation"))
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    assert price_list().models == {}
    with pytest.raises(RequestError, match=r"hosted\.model"):
        price_list().model_for(HostedConfig(), DAY)
    former = tmp_path / "openai.yaml"
    former.write_text("models: {m: {train: 1, input: 1, output: 1}}")
    with pytest.raises(RequestError, match=r"openai\.yaml is called hosted\.yaml now"):
        price_list()
    former.rename(tmp_path / "hosted.yaml").write_text("models: {m: {train: cheap}}")
    with pytest.raises(RequestError, match="not a readable table of prices"):
        price_list()
