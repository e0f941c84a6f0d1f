"""Arms by strategy: several prompts on one base model, each answering as its own package does."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_run import train
from tiny import MakeSpec, sample_records

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.labels import prompts as prompts_module
from tasks.kinds.labels.package import Package
from tasks.kinds.labels.prompts import Prompts, build_package
from tasks.models import loading
from tasks.registry.arm_prediction import read_outcome
from tasks.registry.verify import TOLERANCE, largest_difference
from tasks.training import building

TEXTS = [row["synopsis"] for row in sample_records()[:12]]
TrainArm = Callable[..., Outcome]


@pytest.fixture
def config() -> CaseConfig:
    return load_case("genre")


@pytest.fixture
def train_one(make_spec: MakeSpec) -> TrainArm:
    """A finished arm of one epoch, with a head that a prompt makes a difference to."""

    def make(strategy: str, **changes: Any) -> Outcome:
        training = {"epochs": 1, "head_learning_rate": 0.1, **changes.pop("training", {})}
        return train(make_spec(strategy=strategy, training=training, **changes))

    return make


def packaged(outcome: Outcome, config: CaseConfig, folder: Path) -> Package:
    """The arm's own package, saved and loaded."""
    return Package.load(build_package(outcome, config).save(folder))


def test_two_prompts_on_one_base_answer_as_their_own_packages(
    train_one: TrainArm,
    config: CaseConfig,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcomes = {
        "four": train_one("prompt_4"),
        "nine": train_one("prompt_9", seed=2),
        "none": train_one("head"),
    }
    wanted = {
        name: packaged(outcome, config, tmp_path / name).predict(TEXTS)
        for name, outcome in outcomes.items()
    }
    loaded: list[str] = []

    def load(located: Any, dropout: float | None = None) -> Any:
        loaded.append(located.name)
        return loading.load_backbone(located, dropout)

    for module in (building, prompts_module):
        monkeypatch.setattr(module, "load_backbone", load)
    prompts = Prompts(str(tiny_bert))
    for name, outcome in outcomes.items():
        assert prompts.add(Path(str(outcome.folder)), config, name) == name
    for name in ("four", "nine", "four", "none", "nine"):  # to and fro
        assert prompts.predict(name, TEXTS) == wanted[name]
    assert wanted["four"] != wanted["nine"] != wanted["none"]
    assert loaded == [str(tiny_bert)]
    backbones = {id(package.model.backbone) for package in prompts.packages.values()}
    assert backbones == {id(prompts.backbone)}


def test_prompts_of_two_cases_share_a_base(
    train_one: TrainArm, config: CaseConfig, tiny_bert: Path
) -> None:
    folder = Path(str(train_one("prompt_4").folder))
    other = config.model_copy(
        update={"case": "other", "data": config.data.model_copy(update={"text": ("{synopsis}",)})}
    )
    prompts = Prompts(str(tiny_bert))
    assert prompts.add(folder, config) == "prompt_4"
    prompts.add(folder, other, "bare")
    bare = prompts.predict("bare", TEXTS)
    assert bare != prompts.predict("prompt_4", TEXTS)  # whose template says what a text is
    assert bare == prompts.predict("prompt_4", TEXTS, rendered=True)


def test_what_cannot_share_the_base_is_refused(
    train_one: TrainArm, config: CaseConfig, tiny_bert: Path, tiny_distilbert: Path
) -> None:
    prompts = Prompts(str(tiny_bert))
    for strategy in ("full", "freeze_2", "lora_2"):
        folder = Path(str(train_one(strategy).folder))
        with pytest.raises(RequestError, match=f"{strategy} seed=1 changed the base model's"):
            prompts.add(folder, config)
    foreign = train_one("prompt_4", model={"base": str(tiny_distilbert)})
    with pytest.raises(RequestError, match="means nothing to another model"):
        prompts.add(Path(str(foreign.folder)), config)
    mine = Path(str(train_one("prompt_4").folder))
    prompts.add(mine, config)
    with pytest.raises(RequestError, match="There is an arm prompt_4 already"):
        prompts.add(mine, config)
    with pytest.raises(RequestError, match="no arm prompt_9 here: there are prompt_4"):
        prompts.predict("prompt_9", TEXTS)


def test_an_arm_whose_folder_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read any more: the same `thaw run`"):
        read_outcome(tmp_path / "gone")


FRESH = """
import json, sys
from tasks.kinds.labels.package import Package
texts, answers, *folders = sys.argv[1:]
asked = json.loads(open(texts).read())
answered = [Package.load(folder).predict(asked) for folder in folders]
open(answers, "w").write(json.dumps({"answers": answered, "peft": "peft" in sys.modules}))
"""
ADAPTED = [
    ("prompt_4", "bert"),
    ("lora_2", "llama"),
    ("dora_2", "bert"),
    ("ia3", "gpt2"),
    ("bitfit", "gpt2"),
]


def test_packages_of_adapters_answer_the_same_in_a_new_process_without_hub_or_peft(
    train_one: TrainArm,
    config: CaseConfig,
    tiny: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, folders = [], []
    for strategy, family in ADAPTED:
        package = build_package(train_one(strategy, model={"base": str(tiny(family))}), config)
        wanted.append(package.predict(TEXTS))
        folders.append(package.save(tmp_path / strategy))
        assert not list(folders[-1].rglob("*adapter*"))
    texts, answers = tmp_path / "texts.json", tmp_path / "answers.json"
    texts.write_text(json.dumps(TEXTS), encoding="utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("THAW_CONF", str(tmp_path / "no configuration"))
    command = [sys.executable, "-c", FRESH, str(texts), str(answers), *map(str, folders)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], capture_output=True)
    found = json.loads(answers.read_text())
    for given, own in zip(found["answers"], wanted, strict=True):
        assert largest_difference(given, own) <= TOLERANCE
    assert found["peft"] is False


def test_a_prompts_package_cuts_texts_where_training_did(
    train_one: TrainArm, config: CaseConfig, tmp_path: Path
) -> None:
    long = [" ".join(TEXTS)]
    outcome = train_one("prompt_170", model={"max_length": 40})
    package = packaged(outcome, config, tmp_path / "package")
    (row,) = package.probabilities(long)
    ids = package.tokenizer(f"Synopsis: {long[0]}", truncation=True, max_length=22)["input_ids"]
    again = package.probabilities([package.tokenizer.decode(ids[1:-1])], rendered=True)[0]
    assert row == pytest.approx(again, abs=1e-6)
