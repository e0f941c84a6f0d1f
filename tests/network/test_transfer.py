"""Downloads, from a real server on loopback."""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from loopback import Site, answers, cuts_after, goes_silent, gzipped, serving

from tasks.errors import RequestError, ThawError
from tasks.network import download, transfer

DATA = b"title,genres\n" + b"A quiet harbour,Drama\n" * 5000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def url(site: Site) -> str:
    site.files["/data/anime.csv"] = DATA
    return f"{site.url}/data/anime.csv"


def test_a_file_is_fetched_once_and_keeps_its_name(url: str, site: Site, cache: Path) -> None:
    first = download(url)
    assert first.read_bytes() == DATA
    assert first.name == "anime.csv"
    assert first.is_relative_to(cache / "downloads")
    assert download(url) == first
    assert len(site.seen) == 1
    leftovers = {each.name for each in first.parent.iterdir()} - {"anime.csv", ".lock"}
    assert not leftovers


def test_two_addresses_never_share_a_cached_file(url: str, site: Site) -> None:
    site.files["/other/anime.csv"] = b"other"
    assert download(url) != download(f"{site.url}/other/anime.csv")


def test_a_cut_transfer_is_continued_where_it_stopped(url: str, site: Site) -> None:
    site.moods = [cuts_after(40_000), cuts_after(30_000)]
    assert download(url, SHA).read_bytes() == DATA
    starts = [int(sent[6:-1]) for sent in site.ranges_seen() if sent]
    assert len(starts) == 2
    assert 0 < starts[0] <= 40_000 < starts[1] <= 70_000


def test_what_a_killed_run_left_is_continued_by_the_next(
    url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.moods = [cuts_after(50_000)]
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    with pytest.raises(ThawError, match="run again later to continue"):
        download(url)
    assert download(url).read_bytes() == DATA
    assert site.ranges_seen()[-1] not in {None, "bytes=0-"}


def test_a_file_that_changed_meanwhile_is_fetched_anew(url: str, site: Site) -> None:
    def cut_then_change(handler: object, content: bytes) -> None:
        cuts_after(50_000)(handler, content)
        site.files["/data/anime.csv"], site.etag = b"new" * 9000, '"v2"'

    site.moods = [cut_then_change]
    assert download(url).read_bytes() == b"new" * 9000


@pytest.mark.parametrize("knows", ["ranges", "versions"])
def test_a_server_that_cannot_continue_starts_again(url: str, site: Site, knows: str) -> None:
    site.ranges, site.etag = knows == "ranges", '"v1"' if knows == "versions" else None
    site.moods = [cuts_after(50_000)]
    assert download(url).read_bytes() == DATA
    assert site.ranges_seen()[1] is None or knows == "versions"


def test_a_partial_file_longer_than_the_real_one_is_dropped(url: str, site: Site) -> None:
    def cut_then_shrink(handler: object, content: bytes) -> None:
        cuts_after(50_000)(handler, content)
        site.files["/data/anime.csv"] = b"short"  # with the same ETag: a careless server

    site.moods = [cut_then_shrink]
    assert download(url).read_bytes() == b"short"


@settings(max_examples=25, deadline=None)
@given(content=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 2500), max_size=4))
def test_however_often_it_is_cut_the_content_is_the_same(content: bytes, cuts: list[int]) -> None:
    assume(not content.startswith(b"version https://git-lfs"))  # a pointer is refused
    with serving() as site, tempfile.TemporaryDirectory() as folder:
        site.files["/x.bin"] = content
        site.moods = [cuts_after(cut) for cut in cuts]
        with patch.object(transfer, "FIRST_WAIT", 0.0):
            got = download(f"{site.url}/x.bin", folder=Path(folder))
        assert got.read_bytes() == content


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_a_server_that_fails_for_a_moment_is_asked_again(url: str, site: Site, status: int) -> None:
    site.moods = [answers(status), answers(status)]
    assert download(url).read_bytes() == DATA
    assert len(site.seen) == 3


def test_a_server_that_keeps_failing_is_given_up(url: str, site: Site, cache: Path) -> None:
    site.moods = [answers(503)] * 99
    with pytest.raises(ThawError, match=r"failed 5 times .*503.*data\.path=FILE") as caught:
        download(url)
    assert caught.value.exit_code == 1
    assert len(site.seen) == transfer.ATTEMPTS
    assert not list(cache.rglob("*.csv"))


def test_the_wait_that_a_server_asks_for_is_kept(
    url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    site.moods = [answers(429, {"Retry-After": "7"}), answers(503, {"Retry-After": soon})]
    assert download(url).read_bytes() == DATA
    assert waits[0] == 7
    assert 15 < waits[1] <= 20


def test_a_server_that_asks_for_an_hour_is_not_waited_for(url: str, site: Site) -> None:
    site.moods = [answers(429, {"Retry-After": "3600"})]
    with pytest.raises(ThawError, match="asks to wait 3600 s"):
        download(url)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(url: str, site: Site, status: int) -> None:
    site.moods = [answers(status)] * 9
    with pytest.raises(RequestError, match=rf"answers {status} .*check the address") as caught:
        download(url)
    assert caught.value.exit_code == 2
    assert len(site.seen) == 1


def test_a_checksum_that_differs_names_both_and_leaves_nothing(
    url: str, site: Site, cache: Path
) -> None:
    wrong = "0" * 64
    with pytest.raises(RequestError, match=rf"sha256 {SHA} where {wrong}"):
        download(url, wrong)
    assert not [each for each in cache.rglob("*") if each.is_file() and each.name != ".lock"]


def test_a_checksum_may_be_written_in_capitals(url: str) -> None:
    assert download(url, f" {SHA.upper()}").read_bytes() == DATA


def test_a_cached_file_that_was_damaged_is_fetched_again(url: str, site: Site) -> None:
    download(url, SHA).write_bytes(b"damaged")
    assert download(url, SHA).read_bytes() == DATA
    assert len(site.seen) == 2


def test_a_git_lfs_pointer_is_not_taken_for_the_file(url: str, site: Site, cache: Path) -> None:
    site.files["/data/anime.csv"] = (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    )
    with pytest.raises(RequestError, match=r"Git LFS pointer.*media\.githubusercontent\.com"):
        download(url)
    assert not list(cache.rglob("*.csv*"))


def test_a_server_that_goes_silent_is_not_waited_for_forever(
    url: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", httpx.Timeout(0.1))
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    site.moods = [goes_silent(0.5)] * 2
    with pytest.raises(ThawError, match="the server stopped sending"):
        download(url)


def test_a_host_that_is_not_there_says_what_to_do_instead() -> None:
    with socket.socket() as taken:  # bound but not listening: nobody answers at this port
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/anime.csv"
        with pytest.raises(ThawError, match=r"127\.0\.0\.1 cannot be reached .*data\.path=FILE"):
            download(address)


@pytest.mark.parametrize(
    "address", ["ftp://host/a.csv", "file:///etc/passwd", "anime.csv", "http://", "http://[::1", ""]
)
def test_only_http_addresses_are_taken(address: str) -> None:
    with pytest.raises(RequestError, match="not an address that starts with http"):
        download(address)


def test_a_redirect_is_followed_but_not_out_of_http(url: str, site: Site) -> None:
    site.moods = [answers(302, {"Location": "/data/anime.csv"})]
    assert download(f"{site.url}/latest").read_bytes() == DATA
    site.moods = [answers(302, {"Location": "file:///etc/passwd"})]
    with pytest.raises(RequestError, match="leads nowhere"):
        download(f"{site.url}/else")


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fevil.csv", "/%2e%2e", "/a/..", "/", "/x%00y", "/.lock"]
)
def test_no_address_writes_outside_the_cache(site: Site, cache: Path, path: str) -> None:
    site.moods = [lambda handler, _: handler.serve(b"content")]
    got = download(site.url + path)
    assert got.read_bytes() == b"content"
    assert got.resolve().parent.parent == (cache / "downloads").resolve()


def test_a_body_that_was_compressed_on_the_way_arrives_as_the_file(url: str, site: Site) -> None:
    site.moods = [gzipped]
    assert download(url, SHA).read_bytes() == DATA


@pytest.mark.parametrize("switch", ["THAW_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_only_what_is_cached_is_used(
    url: str, site: Site, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    download(url)
    monkeypatch.setenv(switch, "1")
    assert download(url).read_bytes() == DATA
    with pytest.raises(ThawError, match=f"{switch} forbids"):
        download(f"{site.url}/other.csv")
    assert len(site.seen) == 1


def test_two_processes_fetch_once(url: str, site: Site, cache: Path) -> None:
    site.moods = [goes_silent(1.0)]
    code = f"from tasks.network import download; print(download({url!r}))"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(2)
    ]
    told = {process.communicate(timeout=60)[0] for process in both}
    assert len(told) == 1
    assert Path(told.pop().decode().strip()).read_bytes() == DATA
    assert len(site.seen) == 1
