"""The price table that ships, and the sentences made from it."""

from pathlib import Path

import pytest

from tasks.config import HostedConfig
from tasks.config.case_files import case_names
from tasks.errors import RequestError
from tasks.hosted.prices import Price, PriceList, price_list


def test_the_table_that_ships_says_that_it_is_an_estimate() -> None:
    prices = price_list()
    assert "not checked" in prices.source
    assert set(prices.defaults.values()) <= set(prices.models)
    for form in ("chat", "completion"):
        assert prices.model_for(HostedConfig(format=form)) in prices.models
    assert "openai" not in case_names()


def test_dollars_follow_tokens_and_epochs() -> None:
    price = Price(train=3.0, input=0.3, output=1.2)
    assert price.training(1_000_000, 2) == 6.0
    assert price.asking(1_000_000, 500_000) == pytest.approx(0.9)


def test_an_estimate_names_its_source() -> None:
    prices = PriceList(
        as_of="2025", source="hearsay", models={"m": Price(train=2.0, input=1, output=1)}
    )
    told = prices.estimate("m", 3_000_000, 2)
    assert "about $12.00" in told
    assert "2 epochs" in told
    assert "hearsay" in told
    assert "less than $0.01" in prices.estimate("m", 10, 1)
    assert "the server chooses" in prices.estimate("m", 10, None)


def test_an_unknown_model_has_no_price() -> None:
    assert price_list().estimate("my-own", 100, 1).startswith("No price is known for my-own")


def test_a_damaged_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_HOME", str(tmp_path / "a bare installation"))
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    assert price_list().models == {}
    with pytest.raises(RequestError, match=r"hosted\.model"):
        price_list().model_for(HostedConfig())
    (tmp_path / "openai.yaml").write_text("models: {m: {train: cheap}}")
    with pytest.raises(RequestError, match="not a readable table of prices"):
        price_list()
