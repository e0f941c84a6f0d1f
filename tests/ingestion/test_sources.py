"""The four places that data comes from."""

import gzip
import os
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError, ThawError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.sources import fetch
from tasks.paths import samples_dir

CSV = "text,labels\nhello,ham\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("THAW_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a file server and the folder that it serves."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_every_shipped_sample_can_be_named() -> None:
    names = [each.name for each in samples_dir().glob("*.jsonl")]
    assert all(fetch(DataConfig(sample=name)) == samples_dir() / name for name in names)


def test_what_is_wrong_in_a_copy_is_said_of_what_was_given(
    tmp_path: Path, cache: Path, site: tuple[str, Path]
) -> None:
    (tmp_path / "messages.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (tmp_path / "latin.csv").write_bytes("text,labels\nschöne Grüße,ham\n".encode("cp1252"))
    (site[1] / "messages.csv").write_text(CSV)
    for source in (
        {"path": tmp_path / "messages.csv.gz"},
        {"path": tmp_path / "latin.csv", "encoding": "cp1252"},
        {"url": f"{site[0]}/messages.csv"},
    ):
        with pytest.raises(RequestError, match="team") as refused:
            ingest(DataConfig.model_validate({"required": ("text", "team"), **source}))
        assert str(source.get("path") or source["url"]) in str(refused.value)
        assert str(cache) not in str(refused.value)


@pytest.mark.parametrize("name", ["gnere.jsonl", "../ingest.py", "/etc/passwd"])
def test_a_sample_that_does_not_ship_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"No sample .* ships with Thaw"):
        fetch(DataConfig(sample=name))


def test_a_missing_file_names_the_nearest_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "synopses.csv").write_text(CSV)
    with pytest.raises(RequestError, match=r"no file .*synopsis\.csv \(did you mean synopses\.csv"):
        fetch(DataConfig(path=tmp_path / "synopsis.csv"))


def test_a_file_in_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no file"):
        fetch(DataConfig(path=tmp_path / "nowhere" / "a.csv"))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"is a folder: data\.path wants a file"):
        fetch(DataConfig(path=tmp_path))


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(RequestError, match=r"a\.csv is empty \(0 bytes\)"):
        fetch(DataConfig(path=tmp_path / "a.csv"))


def test_a_pipe_or_a_device_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RequestError, match=f"{path} is a pipe or a device"):
            fetch(DataConfig(path=path))


def test_a_local_zip_is_unpacked_outside_its_own_folder(tmp_path: Path, cache: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train.csv", CSV)
    got = fetch(DataConfig(path=tmp_path / "a.zip"))
    assert isinstance(got, Path)
    assert got.read_text() == CSV
    assert got.is_relative_to(cache)


def test_a_url_is_downloaded(site: tuple[str, Path]) -> None:
    address, folder = site
    (folder / "a.csv").write_text(CSV)
    ref = ingest(DataConfig(url=f"{address}/a.csv", required=("text", "labels")))
    assert ref.read()["text"].tolist() == ["hello"]
    assert ref.origin == f"{address}/a.csv"


def test_a_member_of_a_downloaded_zip_is_read(site: tuple[str, Path]) -> None:
    address, folder = site
    with zipfile.ZipFile(folder / "sms.zip", "w") as archive:
        archive.writestr("readme", "about")
        archive.writestr("SMSSpamCollection", "ham\tok\nspam\twin\n")
    config = DataConfig(
        url=f"{address}/sms.zip",
        member="SMSSpamCollection",
        format="tsv",
        header=("labels", "text"),
        required=("text", "labels"),
    )
    assert ingest(config).read()["labels"].tolist() == ["ham", "spam"]


def test_a_downloaded_zip_that_reaches_out_is_refused(site: tuple[str, Path]) -> None:
    address, folder = site
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("../a.csv", CSV)
    with pytest.raises(RequestError, match="leaves its folder"):
        fetch(DataConfig(url=f"{address}/a.zip"))


def test_a_hub_dataset_arrives_as_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf_datasets")
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "train.csv").write_text(CSV)
    config = DataConfig(hub=str(tmp_path / "clone"), required=("text", "labels"))
    assert isinstance(fetch(config), pa.Table)
    ref = ingest(config)
    assert ref.read()["labels"].tolist() == ["ham"]
    assert ref.origin.startswith("hub dataset")


def test_offline_a_url_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_OFFLINE", "1")
    with pytest.raises(ThawError, match=r"THAW_OFFLINE forbids fetching it; .*data\.path=FILE"):
        fetch(DataConfig(url="https://example.org/a.csv"))


def test_two_splits_of_a_hub_dataset_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf_datasets")
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "train.csv").write_text(CSV)
    (clone / "test.csv").write_text("text,labels\nwin now,spam\nbye,ham\n")
    roles = {"required": ("text", "labels"), "optional": ("split",)}
    config = DataConfig(hub=str(clone), hub_test_split="test", **roles)
    rows = ingest(config).read()
    assert rows["split"].tolist() == ["train", "test", "test"]
    assert rows["labels"].tolist() == ["ham", "spam", "ham"]
    assert config.source.endswith("/train+test")
    assert "split" not in ingest(config.model_copy(update={"hub_test_split": None})).columns


def test_a_hub_dataset_with_a_column_split_of_its_own_is_not_given_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf_datasets")
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("train", "test"):
        (clone / f"{name}.csv").write_text("text,split\nhello,dev\n")
    with pytest.raises(RequestError, match=r"column split of its own.*split\.test_role"):
        fetch(DataConfig(hub=str(clone), hub_test_split="test"))
