"""The benchmarks measure what they say, on models of a size for tests."""

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import feedback, gpu, ppo_ways
from benchmarks.ways import WAYS
from tasks.training.device import has_fast_bf16


def test_every_way_trains_and_is_shown(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = [way for way in WAYS if way != "thaw_bf16" or has_fast_bf16()]
    out = tmp_path / "bench.json"
    arguments = ["--model", str(tiny_bert), "--epochs", "1", "--repeats", "1"]
    arguments += ["--ways", ",".join(ways), "--json", str(out)]
    assert command.main(arguments) == 0  # options alone are the classifier's
    table = capsys.readouterr().out.strip().splitlines()
    assert len(table) == 2 + len(ways)
    timings = json.loads(out.read_text())["timings"]
    assert set(timings) == set(ways)
    for way, (timing,) in timings.items():
        assert timing["seconds"] > 0
        assert 0 <= timing["accuracy"] <= 1
        assert timing["tail_flops"] == timings["chapter"][0]["tail_flops"]
        assert (timing["ideal_seconds"] is None) == (way in ("chapter", "trainer"))


@pytest.mark.slow
def test_both_ways_of_learning_from_pictures_have_the_same_losses(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import pictures

    out = tmp_path / "pictures.json"
    arguments = ["--text-encoder", str(tiny_bert), "--images", "12", "--epochs", "2"]
    code = pictures.main([*arguments, "--json", str(out)])
    table = capsys.readouterr().out
    chapter, thaw = json.loads(out.read_text())["runs"].values()
    assert len(chapter["losses"]) == len(thaw["losses"]) > 4
    assert thaw["losses"] == pytest.approx(chapter["losses"], abs=pictures.TOLERANCE)
    assert thaw["losses"][-1] < thaw["losses"][0]
    assert thaw["cpu_seconds"] < chapter["cpu_seconds"]
    assert 0 < thaw["first_pass"] < thaw["seconds"]
    assert code == int(chapter["seconds"] / thaw["seconds"] < pictures.FASTER)
    assert f"Largest difference of any of {len(thaw['losses'])} losses" in table


def feedback_arguments(tiny_writer: Path, tiny_bert: Path) -> list[str]:
    texts = ["--model", str(tiny_writer), "--reward-model", str(tiny_bert), "--strategy", "last_1"]
    return [*texts, "--answers", "4", "--new-tokens", "5", "--mini-batch-size", "2"]


def test_every_way_of_a_ppo_step_is_measured_and_shown(
    tiny_writer: Path, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "feedback.json"
    arguments = feedback_arguments(tiny_writer, tiny_bert)
    assert command.main(["feedback", *arguments, "--repeats", "2", "--json", str(out)]) == 0
    ways = [way for way in ppo_ways.WAYS if way != "thaw_bf16" or has_fast_bf16()]
    assert len(capsys.readouterr().out.strip().splitlines()) == 2 + len(ways)
    steps = json.loads(out.read_text())["steps"]
    assert list(steps) == ways
    for found in steps.values():
        assert len(found) == 2
        assert all(min(step.values()) > 0 for step in found)


def test_the_chapters_loop_says_of_its_answers_what_thaw_says(
    tiny_writer: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen = {}
    for name in ("chapter_rollout", "thaw_rollout"):
        kept = getattr(ppo_ways, name)
        monkeypatch.setattr(
            ppo_ways, name, lambda *given, kept=kept, name=name: seen.setdefault(name, kept(*given))
        )
    ways = ["--ways", "chapter,thaw_fp32", "--repeats", "1"]
    assert feedback.main([*feedback_arguments(tiny_writer, tiny_bert), *ways]) == 0
    chapter, thaw = seen["chapter_rollout"], seen["thaw_rollout"]
    assert chapter.answers.lengths.tolist() == thaw.answers.lengths.tolist() == [5] * 4
    assert chapter.prompts.states is None
    assert thaw.prompts.states is not None
    assert torch.equal(chapter.prompts.ids, thaw.prompts.ids)
    assert torch.allclose(chapter.kl, torch.zeros(4), atol=1e-4)


def test_all_are_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib

    called = []
    for number, name in enumerate(command.BENCHMARKS):
        module = importlib.import_module(f"benchmarks.{name}")
        monkeypatch.setattr(
            module,
            "main",
            lambda options, name=name, code=number % 2: called.append((name, options)) or code,
        )
    assert command.main(["all"]) == 1  # one of them failed
    assert called == [(name, []) for name in command.BENCHMARKS]
    assert "## feedback: a step of PPO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--ways", "fast"], "there are chapter, trainer"),
        (["feedback", "--ways", "fast"], "there are chapter, thaw_fp32"),
        (["fedback"], "choose from"),
        (["all", "--repeats", "1"], "all takes no options"),
    ],
)
def test_what_there_is_not_is_refused(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(given)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_help_shows_commands_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    assert "-m benchmarks feedback --strategy full" in shown
    assert all(name in shown for name in command.BENCHMARKS)


def test_without_a_gpu_its_benchmark_refuses_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    assert capsys.readouterr().err.strip() == gpu.NO_GPU


def test_what_the_gpu_came_to_is_a_table_and_the_trunk_stands_against_none() -> None:
    told = {"tokens_per_second": 1000.0, "share": 0.5, "peak": 900.0, "work": 1}
    kept = gpu.Row("labels", "freeze_4", 2.0, 1.0, **told)
    anew = gpu.Row("labels, no trunk", "freeze_4", 6.0, None, **told)
    lines = gpu.table([kept, anew]).splitlines()
    assert lines[2] == "| labels: freeze_4 | 2.0 | 1.0 | 1,000 | 50% | 900 | yes |"
    assert "2.00x in one epoch, 3.00x in each further one" in lines[-1]


@pytest.mark.slow
def test_the_gpu_script_runs_at_sizes_for_a_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--try-on-cpu"]) == 0
    table = capsys.readouterr().out
    for row in ("labels: lora_8", "labels, no trunk: freeze_4", "sft: full", "ppo: full"):
        assert f"| {row} |" in table
    assert "| vqa: encoders |" in table
