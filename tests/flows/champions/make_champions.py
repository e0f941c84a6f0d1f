"""Makes `champions-<commit>.tar.xz`: a champion of each kind, as a release of Thaw packaged it.

In a checkout of that release, with its environment:

    cp <here>/tests/flows/champions/make_champions.py tests/flows/
    CHAMPIONS=$PWD/champions.tar.xz pytest tests/flows/make_champions.py

Five tiny models train in seconds on data that the tests write. Kept are MLflow's database and the
logged models with the code that was packaged; what no package needs (samples, compiled code) is
left out, as are half of the digits of weights and all logged metrics, to be small. The folder's
own path stands as `@HOME@` in the database, so that it opens anywhere.
"""

import os
import shutil
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest
from genre_runs import LEARNING, home, options, thaw
from policy_runs import learning
from test_latex import tiny_latex
from test_vqa import coloured, tiny_vqa

__all__ = ["tiny_latex", "tiny_vqa"]  # fixtures


Overrides = tuple[str, ...]


@pytest.fixture(scope="session")
def champion_runs(
    small: Overrides,
    tiny_latex: Overrides,
    tiny_reward: Overrides,
    tiny_vqa: Overrides,
    tiny_writer: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Overrides]:
    """A case of each kind -> what makes its run take seconds; the same in every release."""
    folder = tmp_path_factory.mktemp("champions")
    asked = folder / "asked.csv"
    asked.write_text("prompt\n" + "".join(f"The hen of house {n} sleeps.\n" for n in range(40)))
    return {
        "genre": (*small, *LEARNING, "strategies=[full]"),
        "latex": (*tiny_latex, "strategies=[full]"),
        "sawyer_reward": (*tiny_reward, "strategies=[full]"),
        "vqa": (
            *tiny_vqa,
            f"data.path={coloured(folder / 'coloured')}",
            "strategies=[encoders]",
            "training.epochs=12",
            "training.batch_size=8",
        ),
        "sawyer_rl": (
            f"data.path={asked}",
            "data.columns.prompt=prompt",
            "split.near_duplicates=null",
            f"model.base={tiny_writer}",
            "strategies=[last_1]",
            "rewards=[{name: words, function: length}]",
            "evaluation.bootstrap=100",
            *learning(),
        ),
    }


def test_make(champion_runs: dict[str, Overrides], migrated_store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "champions"
    with home(folder, migrated_store):
        for case, overrides in champion_runs.items():
            answer = thaw("run", case, *options(*overrides, "registry.enabled=true"))
            assert answer.code == 0, (case, answer.err)
            assert "champion" in answer.out, (case, answer.out)
    _pack(folder / "mlruns", Path(os.environ["CHAMPIONS"]))


@pytest.fixture
def own_home() -> None:
    """Nothing: the one home of all cases is made above."""


def _pack(runs: Path, target: Path) -> None:
    for path in runs.glob("artifacts/*/*"):
        if path.name != "models":
            shutil.rmtree(path)
    for pattern in ("samples", "__pycache__"):
        for path in [*runs.rglob(pattern)]:
            shutil.rmtree(path)
    for path in runs.rglob("*.safetensors"):
        _round(path)
    with sqlite3.connect(runs / "mlflow.db") as database:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, '@HOME@')",  # noqa: S608
                (str(runs.parent.resolve()),),
            )
        for table in ("metrics", "latest_metrics"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608
        database.commit()
        database.execute("VACUUM")
    with tarfile.open(target, "w:xz", preset=9) as archive:
        archive.add(runs, "mlruns")


def _round(weights: Path) -> None:
    """Ten bits of each float32's fraction, as float16 has them, compress to less than half."""
    content = bytearray(weights.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    assert b'"I64"' not in content[:start]
    numbers = np.frombuffer(content, "<u4", offset=start)
    numbers &= np.uint32(0xFFFFE000)
    weights.write_bytes(content)
