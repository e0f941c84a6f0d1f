"""Passwords and keys in addresses: used where the address is, and seen nowhere."""

import logging
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from tasks.address import REVEALED, Address
from tasks.config.loading import load_case
from tasks.errors import RequestError, ThawError
from tasks.secrets import hidden_addresses, meet, redacted, shown, without_secrets


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://me:pw@host:84/f.csv?token=abc&x=1#part", "***@host:84/f.csv?token=***&x=***#***"),
        ("https://${USER_NAME}:${PASS}@host/f?token=${TOKEN}", None),
        ("https://token@host/f?bare", "***@host/f?***"),
        ("https://me:p/w@host/f", "***@host/f"),
        ("https://me:p@w@host/f", "***@host/f"),
        ("https://me:${PASS}x@host", "***@host"),
        ("postgresql+psycopg://me:pw@host:5432/db", "***@host:5432/db"),
        ("tcp://10.0.0.1:8786", None),
        ("sqlite:////data/mlflow.db", None),
        ("https://host:8080/a@b", None),
        ("http://[::1]:5000/x", None),
        ("me:pw@host/v1", "***@host/v1"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(address: str, seen: str | None) -> None:
    scheme = address.partition("://")[0] + "://" if "://" in address else ""
    wanted = address if seen is None else scheme + seen
    assert shown(address) == wanted
    for text in (str(Address(address)), f"{Address(address)}"):
        assert text == wanted
    assert repr(Address(address)) == f"Address({wanted!r})"
    assert shown(wanted) == wanted


class Holder(BaseModel):
    url: Address | None = None


class Form(BaseModel):
    """A field without a value, as the form of the Prefect UI leaves it."""

    url: Address = None  # type: ignore[assignment]


def test_a_model_keeps_it_for_this_process_and_writes_none_of_it() -> None:
    held = Holder(url="https://me:sesame-1@host/f")  # type: ignore[arg-type]
    assert held.url is not None
    assert held.url.reveal() == "https://me:sesame-1@host/f"
    for text in (held.model_dump_json(), repr(held), str(held.model_dump(mode="json"))):
        assert "sesame" not in text
    again = Holder.model_validate(held.model_dump())
    through_json = Holder.model_validate(held.model_dump(mode="json", context=REVEALED))
    assert again == through_json == pickle.loads(pickle.dumps(held)) == held  # noqa: S301
    assert Holder.model_json_schema()["properties"]["url"]["anyOf"][0] == {"type": "string"}
    assert Form().model_dump(mode="json") == {"url": None}
    kept = Holder.model_validate_json(held.model_dump_json())
    assert kept.url is not None
    with pytest.raises(RequestError, match=r"kept without its secrets: write \$\{NAME\}"):
        kept.url.reveal()


def test_variables_are_looked_up_where_the_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address("https://${DATA_USER}:${DATA_PASS}@host/f")
    monkeypatch.setenv("DATA_USER", "me")
    with pytest.raises(RequestError, match="needs the environment variable DATA_PASS"):
        address.reveal()
    monkeypatch.setenv("DATA_PASS", "sesame-2")
    assert address.reveal() == "https://me:sesame-2@host/f"
    assert "sesame-2" not in redacted("the server says: sesame-2 is no good")
    mixed = Address("https://me:${DATA_PASS}@host/f?token=${DATA_PASS}")
    mixed.reveal()
    assert without_secrets(str(mixed)) == "https://***@host/f?token=${DATA_PASS}"


def test_what_a_library_says_is_repeated_without_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Address("https://me:open%20sesame@host/f?sig=0123456789").reveal()
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijk")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:proxy-pass@proxy:3128")
    meet("sk-from-a-file")
    said = (
        "GET https://me:open%20sesame@host/f?sig=0123456789 as open sesame by proxy-pass with "
        "hf_abcdefghijk and sk-from-a-file; then http://who:unmet@elsewhere/x"
    )
    clean = (
        "GET https://***@host/f?sig=*** as *** by *** with *** and ***; then http://***@elsewhere/x"
    )
    assert redacted(said) == clean
    assert without_secrets(said).endswith("http://who:unmet@elsewhere/x")  # may be somebody's data
    Address("https://host/f?seed=42&format=parquet")
    assert without_secrets("seed=42 from parquet") == "seed=42 from parquet"
    assert without_secrets("host/f?seed=42&format=parquet") == "host/f?seed=***&format=***"
    error = pickle.loads(pickle.dumps(RequestError(said)))  # noqa: S301
    assert (str(error), error.exit_code) == (clean, 2)
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("any.library").exception("failed: %s", said)
    (record,) = caplog.records
    written = logging.Formatter("%(message)s").format(record)
    assert clean in written
    for secret in ("sesame", "unmet", "0123456789", "hf_abc"):
        assert secret not in written


def test_a_refusal_repeats_no_secret() -> None:
    for override in (
        "hosted.base_url=https://me:sk-refused@host/v1",
        "hosted.base_url=ftp://host/v1?key=sk-refused",
        "hosted.base_url=me:sk-refused@host/v1",
        "data.url https://host/f?key=sk-refused",
        "data.url=[https://me:sk-refused@host",
        "seeds=https://me:sk-refused@host",
        "data.limit=https://host/f?key=sk-refused",
    ):
        with pytest.raises(RequestError) as refused:
            load_case("genre", "sample", [override])
        assert "refused" not in str(refused.value), override
    assert hidden_addresses("a=1 https://x/?k=v") == "a=1 https://x/?k=***"


def test_the_tracker_cannot_be_reached_and_says_so_without_its_password(tmp_path: Path) -> None:
    from tasks.tracking import Tracker

    for uri in ("postgresql://me:sesame-3@127.0.0.1:1/x", "nosuch://me:sesame-3@host"):
        with pytest.raises(ThawError) as refused:
            Tracker(uri)
        assert "sesame" not in str(refused.value)
        assert "***@" in str(refused.value)
