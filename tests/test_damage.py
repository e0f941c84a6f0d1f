"""What the store holds is found by its digest: damaged, or another's, it is made anew."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from damages import DAMAGES, Damage, flip, replace, truncate
from test_run import figures, train
from tiny import MakeSpec

from tasks.errors import ThawError
from tasks.storage import file_digest, is_sealed, put_table, seal
from tasks.training.building import TRAINED, load_trained
from tasks.training.callbacks import COMPLETE
from tasks.training.keeping import finished_outcome, last_complete_checkpoint

FRAME = pd.DataFrame({"id": [f"row {n}" for n in range(2_000)], "n": [n * 7 for n in range(2_000)]})


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_is_not_read_and_written_anew(damage: Damage) -> None:
    table = put_table(FRAME, "by hand")
    assert table.is_whole()
    damage(table.path)
    assert not table.is_whole()
    with pytest.raises(ThawError, match=r"cannot be read .*the same command writes it anew"):
        table.read()
    again = put_table(FRAME, "by hand")
    assert again == table
    assert again.read().equals(FRAME)


def test_another_table_under_its_name_is_not_taken_for_it() -> None:
    table, other = put_table(FRAME, "by hand"), put_table(FRAME.head(5), "by hand")
    shutil.copy(other.path, table.path)
    with pytest.raises(ThawError, match="it holds the table"):
        table.read(["id"])
    assert len(put_table(FRAME, "by hand").read()) == 2_000


def test_nested_rows_are_written_once() -> None:
    rows = pa.table({"labels": [["a", "b"], [], None], "p": [[0.5], [float("nan")], [1.0]]})
    first = put_table(rows, "by hand")
    stamp = first.path.stat().st_mtime_ns
    assert put_table(rows, "by hand").path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("file", "damage"),
    # Half of so small a table is no data, and may be another without another row.
    [
        ("trained", flip),
        ("trained", truncate),
        ("predictions", truncate),
        ("predictions", replace),
    ],
)
def test_an_arm_of_which_something_is_damaged_is_trained_again(
    file: str, damage: Damage, make_spec: MakeSpec
) -> None:
    spec = make_spec(strategy="head", training={"epochs": 1})
    first = train(spec)
    path = spec.folder / TRAINED if file == "trained" else first.test.path
    digest = file_digest(path)
    damage(path)
    assert finished_outcome(spec) is None
    if file == "trained":
        with pytest.raises(ThawError, match="is gone or damaged: the command that trained it"):
            load_trained(spec.folder)
    assert figures(train(spec)) == figures(first)
    assert file_digest(path) == digest
    assert finished_outcome(spec) is not None


def test_another_arms_outcome_is_not_taken_for_ones_own(make_spec: MakeSpec) -> None:
    spec, other = (make_spec(strategy="head", training={"epochs": 1}, seed=n) for n in (1, 2))
    train(other)
    shutil.copytree(other.folder, spec.folder)
    assert finished_outcome(spec) is None


def test_an_arm_of_an_earlier_release_is_not_trained_again(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="head", training={"epochs": 1})
    train(spec)
    (spec.folder / "trained.sha256").unlink()
    assert finished_outcome(spec) is not None


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_removed_and_the_one_before_taken(
    damage: Damage, tmp_path: Path
) -> None:
    for step in (5, 10):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "model.safetensors").write_bytes(bytes(range(256)) * 40)
        (checkpoint / "trainer_state.json").write_text("{}")
        seal(checkpoint, COMPLETE)
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    damage(tmp_path / "checkpoint-10" / "model.safetensors")
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert not (tmp_path / "checkpoint-10").exists()


def test_a_seal_of_an_earlier_release_is_taken_as_it_is(tmp_path: Path) -> None:
    assert not is_sealed(tmp_path, COMPLETE)
    (tmp_path / COMPLETE).touch()
    assert is_sealed(tmp_path, COMPLETE)
    (tmp_path / COMPLETE).write_text(json.dumps(["torn"])[:-1])
    assert not is_sealed(tmp_path, COMPLETE)
