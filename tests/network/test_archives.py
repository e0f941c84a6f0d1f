"""Unpacking: honest archives, and those that try to get out of their folder."""

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.network import unpack_member
from tasks.network.archives import _refuse_unsafe


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "unpacked"


def test_a_named_member_is_unpacked(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "sms.zip", {"readme": b"about", "in/SMSSpamCollection": b"ham\tok\n"})
    got = unpack_member(archive, "in/SMSSpamCollection", folder)
    assert got == folder / "in" / "SMSSpamCollection"
    assert got.read_bytes() == b"ham\tok\n"
    assert [each for each in folder.rglob("*") if each.is_file()] == [got]


def test_without_a_name_the_only_data_file_is_taken(tmp_path: Path, folder: Path) -> None:
    members = {"LICENSE": b"free", "data/": b"", "data/a.csv": b"x\n1\n", "__MACOSX/a.csv": b"junk"}
    assert unpack_member(pack(tmp_path / "a.zip", members), None, folder).read_bytes() == b"x\n1\n"


def test_without_a_name_several_data_files_are_listed(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"train.csv": b"1", "test.csv": b"2", "notes.txt": b"3"})
    with pytest.raises(RequestError, match=r"holds train\.csv, test\.csv; say which with data"):
        unpack_member(archive, None, folder)


def test_a_member_that_is_not_there_lists_what_is(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"train.csv": b"1", "test.csv": b"2"})
    with pytest.raises(
        RequestError, match=r"no member 'trian\.csv' \(did you mean train\.csv\?\); it holds train"
    ):
        unpack_member(archive, "trian.csv", folder)


def test_an_archive_without_files_says_so(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(RequestError, match="holds no file"):
        unpack_member(pack(tmp_path / "a.zip", {"empty/": b""}), None, folder)


@pytest.mark.parametrize(
    "name",
    ["../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "C:\\evil.csv", "\\evil"],
)
def test_a_name_that_leaves_the_folder_condemns_the_archive(
    tmp_path: Path, folder: Path, name: str
) -> None:
    archive = pack(tmp_path / "a.zip", {"good.csv": b"x\n1\n", name: b"evil"})
    for member in (name, "good.csv", None):
        with pytest.raises(RequestError, match=r"is refused: its member .* leaves its folder"):
            unpack_member(archive, member, folder)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_symbolic_link_condemns_the_archive(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("data.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RequestError, match=r"'data\.csv' is a symbolic link"):
        unpack_member(path, "data.csv", folder)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a.csv": b"0" * 1_000_000})
    with pytest.raises(RequestError, match="declares 1,000,000 bytes, more than the 999,999"):
        unpack_member(archive, None, folder, largest=999_999)
    assert not folder.exists()


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a.csv": b"0" * 1_000_000})
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(RequestError, match="damaged"):
        unpack_member(archive, None, folder)
    assert not [each for each in folder.rglob("*") if each.is_file()]


def test_a_file_that_is_no_zip_says_so(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(RequestError, match=r"a\.zip is not a zip archive or is damaged"):
        unpack_member(path, None, folder)


def test_a_damaged_zip_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:  # stored, so that only the CRC can tell
        opened.writestr("a.csv", b"x" * 5000)
    archive.write_bytes(archive.read_bytes().replace(b"xxxx", b"xxyx", 1))
    with pytest.raises(RequestError, match="damaged"):
        unpack_member(archive, None, folder)
    assert not [each for each in folder.rglob("*") if each.is_file()]


def test_an_encrypted_member_says_so(tmp_path: Path, folder: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a.csv": b"x\n1\n"})
    raw = bytearray(archive.read_bytes())
    raw[6] |= 1  # the flag in the local header
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    archive.write_bytes(raw)
    with pytest.raises(RequestError, match=r"cannot be unpacked .*password"):
        unpack_member(archive, None, folder)


@given(st.text(alphabet="./\\:aC~ ", min_size=1, max_size=12))
def test_a_name_that_passes_stays_below_any_folder(name: str) -> None:
    info = zipfile.ZipInfo(name)
    try:
        _refuse_unsafe(info, Path("a.zip"))
    except RequestError:
        return
    inside = Path("/base/folder")
    assert Path(f"{inside / info.filename}").resolve().is_relative_to(inside)
