"""What `thaw predict --file` reads: the case's own form, or the one that a file shows."""

import gzip
import zipfile
from pathlib import Path

import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.kind import kind_of

TEXTS = ["It burns; at once", "Ça ne marche pas", "L'écran s'est cassé"]
ROWS = [("1", TEXTS[0]), ("2", TEXTS[1]), ("3", TEXTS[2])]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CaseConfig:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    return load_case("spam", "sample", ["data.path=mine.csv"])


def asked(case: CaseConfig, file: Path) -> list[str]:
    rows, given, _ = kind_of(case.task).asked(case, (), file, ())
    assert [row["text"] for row in rows] == given
    return given


def table(separator: str) -> str:
    return "".join(f'{first}{separator}"{second}"\n' for first, second in [("id", "text"), *ROWS])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_is_read_as_it_is_written(
    separator: str, encoding: str, case: CaseConfig, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(table(separator).encode(encoding))
    assert asked(case, file) == TEXTS


def test_packed_files_are_read(case: CaseConfig, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "new.csv.gz", "wt", encoding="utf-8") as stream:
        stream.write(table(","))
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("new.csv", table(";"))
    with gzip.open(tmp_path / "new.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(TEXTS))
    for name in ("new.csv.gz", "new.zip", "new.txt.gz"):
        assert asked(case, tmp_path / name) == TEXTS


def test_the_file_that_was_given_is_named(case: CaseConfig, tmp_path: Path) -> None:
    file = tmp_path / "new.csv.gz"
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.write("id,body\n1,x\n2,y\n")
    with pytest.raises(RequestError) as refused:
        asked(case, file)
    assert str(refused.value).startswith(str(file))
    assert "cache" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "ids"), [("one\n\ntwo\n", ["line-1", "line-3"]), ("one\ntwo\n", [None, None])]
)
def test_an_empty_line_is_no_text_and_moves_no_answer(
    content: str, ids: list[str | None], case: CaseConfig, tmp_path: Path
) -> None:
    file = tmp_path / "new.txt"
    file.write_text(content)
    rows, given, _ = kind_of(case.task).asked(case, (), file, ())
    assert given == ["one", "two"]
    assert [row.get("id") for row in rows] == ids
