"""The store: tables under their digest, files that are whole or not there."""

import errno
import hashlib
import os
from collections import namedtuple
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError, ThawError
from tasks.storage import (
    TableRef,
    atomic_path,
    file_digest,
    put_table,
    require_free_space,
    stored_table,
    table_digest,
    write_text,
)

ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.text(max_size=5)),
        st.one_of(st.none(), st.integers(-(2**40), 2**40)),
        st.one_of(st.none(), st.booleans()),
        st.lists(st.text(max_size=3), max_size=3),
    ),
    min_size=1,
    max_size=12,
)
SCHEMA = pa.schema(
    [("text", pa.string()), ("n", pa.int64()), ("b", pa.bool_()), ("labels", pa.list_(pa.string()))]
)


def table_of(rows: list[tuple]) -> pa.Table:
    names = SCHEMA.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SCHEMA)


@given(rows=ROWS, cut=st.integers(0, 12))
def test_the_digest_does_not_depend_on_how_the_rows_are_chunked(
    rows: list[tuple], cut: int
) -> None:
    whole = table_of(rows)
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert table_digest(pieces) == table_digest(whole)
    assert table_digest(table_of(rows * 2).slice(len(rows))) == table_digest(whole)


@given(rows=ROWS, other=ROWS)
def test_equal_digests_mean_equal_rows(rows: list[tuple], other: list[tuple]) -> None:
    first, second = table_of(rows), table_of(other)
    assert (table_digest(first) == table_digest(second)) == first.equals(second)


def test_the_digest_covers_names_types_and_order() -> None:
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    others = [
        table.rename_columns(["a", "c"]),
        table.select(["b", "a"]),
        table.set_column(0, "a", pa.array([1, 2], pa.int32())),
        table.take([1, 0]),
        table.slice(0, 1),
    ]
    assert len({table_digest(t) for t in [table, *others]}) == len(others) + 1


def test_a_table_that_was_stored_comes_back() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "labels": [["x"], []], "n": [1, 2]})
    ref = put_table(frame, "by hand")
    assert (ref.rows, ref.columns, ref.origin) == (2, ("id", "labels", "n"), "by hand")
    back = ref.read()
    assert back["id"].tolist() == ["a", "b"]
    assert [list(labels) for labels in back["labels"]] == [["x"], []]
    assert list(ref.read(["n"]).columns) == ["n"]


def test_rows_that_were_read_and_stored_again_have_the_same_digest() -> None:
    frame = pd.DataFrame({"a": ["x", None], "l": [["p", "q"], []], "n": [0.5, 1.5]})
    ref = put_table(frame, "by hand")
    assert put_table(ref.read(), "again") == ref.model_copy(update={"origin": "again"})
    flat = put_table(pa.table({"a": ["x", None], "n": [1, 2]}), "by hand")
    assert table_digest(pq.read_table(flat.path)) == flat.digest


def test_storing_the_same_rows_twice_writes_once() -> None:
    table = pa.table({"a": [1, 2, 3]})
    first = put_table(table, "here")
    stamp = first.path.stat().st_mtime_ns
    second = put_table(table.replace_schema_metadata({"k": "v"}), "there")
    assert second.path == first.path
    assert second.digest == first.digest
    assert first.path.stat().st_mtime_ns == stamp
    assert len(list(first.path.parent.iterdir())) == 1


@pytest.mark.parametrize("damage", ["gone", "torn"])
def test_a_stored_table_that_is_damaged_says_what_to_do(damage: str) -> None:
    ref = put_table(pa.table({"a": [1]}), "by hand")
    ref.path.unlink() if damage == "gone" else ref.path.write_bytes(b"PAR1 no more")
    with pytest.raises(ThawError, match=r"cannot be read .*; the same command writes it anew"):
        ref.read()


def test_a_column_that_is_not_there_is_named_and_those_asked_for_keep_their_order() -> None:
    table = put_table(pd.DataFrame({"one": [1], "two": [2]}), "here")
    assert list(table.read(["two", "one"]).columns) == ["two", "one"]
    with pytest.raises(ThawError, match="no column three"):
        table.read(["one", "three"])


def test_a_reference_survives_json() -> None:
    ref = put_table(pa.table({"a": [1]}), "by hand")
    assert TableRef.model_validate_json(ref.model_dump_json()) == ref


def test_a_file_is_seen_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as partial:
        partial.write_text("half")
        assert not target.exists()
        assert partial.parent == target.parent  # the same disk, so that renaming is atomic
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


def write_half(target: Path, error: BaseException) -> None:
    with atomic_path(target) as partial:
        partial.write_text("half")
        raise error


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt):
        write_half(target, KeyboardInterrupt())
    assert target.read_text() == "old"
    assert list(tmp_path.glob(".a.txt*")) == []


def test_a_full_disk_while_writing_is_a_sentence(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ThawError, match=r"Cannot write .*a\.txt: No space left"):
        write_half(target, full)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ThawError, match=r"Cannot write below .*file/sub: "):
        write_text(tmp_path / "file" / "sub" / "a.txt", "x")


def test_texts_are_written_as_utf8(tmp_path: Path) -> None:
    assert write_text(tmp_path / "a.txt", "ünï").read_bytes() == "ünï".encode()


def test_a_files_digest_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"x" * 3_000_000)
    assert file_digest(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_too_little_space_says_how_much_is_needed_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 0, 5 * 10**6)
    asked: list[Path] = []
    monkeypatch.setattr("shutil.disk_usage", lambda path: asked.append(Path(path)) or usage)
    folder = tmp_path / "not" / "yet"
    require_free_space(folder, 5 * 10**6, "Checkpoints")
    with pytest.raises(RequestError, match=r"Checkpoints need 6 MB below .*not/yet, and 5 MB are"):
        require_free_space(folder, 6 * 10**6, "Checkpoints")
    assert set(asked) == {tmp_path}  # the folder itself need not exist


def test_a_reference_may_go_by_another_digest_than_that_of_all_its_rows() -> None:
    """Questions do, whose digest leaves out where the pictures lie."""
    stored = put_table(pd.DataFrame({"id": ["a"]}), "by hand").model_copy(
        update={"digest": "0" * 64}
    )
    assert stored.is_whole()
    assert stored.read()["id"].tolist() == ["a"]


def test_a_stored_table_is_found_by_its_name() -> None:
    put = put_table(pd.DataFrame({"id": ["a", "b"], "n": [1, 2]}), "by hand")
    found = stored_table(put.path.stem)
    assert found == put.model_copy(update={"origin": put.path.stem})
    assert stored_table("0" * 24) is None
