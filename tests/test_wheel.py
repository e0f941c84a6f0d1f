"""Thaw as a wheel: everything that ships is in it, and works where there is no checkout."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_a_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a build leaves folders behind
    left = shutil.ignore_patterns("__pycache__")
    for folder in ("flows", "tasks", "conf"):
        shutil.copytree(ROOT / folder, source / folder, ignore=left)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source / file)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    alone = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *alone, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("thaw-*.whl")
    prefix, here = tmp_path / "prefix", tmp_path / "here"
    here.mkdir()
    install = [*pip, "install", *alone, "--ignore-installed", "--prefix", str(prefix), str(wheel)]
    subprocess.run(install, check=True)
    (packages,) = prefix.glob("lib/*/site-packages")
    told = subprocess.run(
        [sys.executable, "-P", "-c", _SEES],
        cwd=here,
        env={name: value for name, value in os.environ.items() if not name.startswith("THAW_")}
        | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert Path(told[0]).is_relative_to(packages)
    assert told[1:] == [
        str(prefix / "share" / "thaw" / "conf" / "genre.yaml"),
        str(here / "mlruns"),
        "True True True True",
    ]


_SEES = """
import tasks.paths as paths
from tasks.config.case_files import find_case
from tasks.config.loading import load_case
found = find_case("genre")
suite = paths.conf_file("expectations/genre.json").is_file()
sample = (paths.samples_dir() / load_case("genre").data.sample).is_file()
program = (paths.samples_dir().parents[1] / "registry" / "taken" / "predict_labels.py").is_file()
print(paths.__file__, found.path, paths.runs_dir(), sep="\\n")
print(found.ships, suite, sample, program)
"""


def test_the_pythons_that_may_be_used_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (checked,) = re.findall(r"^PYTHONS := (.*)$", makefile, re.MULTILINE)
    minors = [int(version.removeprefix("3.")) for version in checked.split()]
    assert project["requires-python"] == f">=3.{min(minors)},<3.{max(minors) + 1}"
    assert minors == list(range(min(minors), max(minors) + 1))


@pytest.mark.slow
def test_every_package_has_a_wheel_for_each_of_them() -> None:
    """Asks the package index."""
    done = subprocess.run(
        ["make", "--no-print-directory", "pythons", "--assume-old=.venv/installed"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("every package has a wheel") == 3
