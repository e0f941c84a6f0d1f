"""The benchmark measures what it says, on a model of a size for tests."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.ways import WAYS
from tasks.training.device import has_fast_bf16


def test_every_way_trains_and_is_shown(
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ways = [way for way in WAYS if way != "thaw_bf16" or has_fast_bf16()]
    out = tmp_path / "bench.json"
    arguments = ["--model", str(tiny_bert), "--epochs", "1", "--repeats", "1"]
    arguments += ["--ways", ",".join(ways), "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    assert main() == 0
    table = capsys.readouterr().out.strip().splitlines()
    assert len(table) == 2 + len(ways)
    timings = json.loads(out.read_text())["timings"]
    assert set(timings) == set(ways)
    for way, (timing,) in timings.items():
        assert timing["seconds"] > 0
        assert 0 <= timing["accuracy"] <= 1
        assert timing["tail_flops"] == timings["chapter"][0]["tail_flops"]
        assert (timing["ideal_seconds"] is None) == (way in ("chapter", "trainer"))


def test_an_unknown_way_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--ways", "fast"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "there are chapter, trainer" in capsys.readouterr().err
