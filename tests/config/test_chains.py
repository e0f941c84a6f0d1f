"""Cases that chain cases: every stage is resolved before the first one starts."""

from pathlib import Path

import pytest

from tasks.config import CaseConfig
from tasks.config.chains import (
    ChainConfig,
    answering_case,
    is_chain,
    load_any,
    load_chain,
    stage_cases,
)
from tasks.config.loading import load_case
from tasks.errors import RequestError


def test_a_chain_is_its_stages_each_as_its_own_flow_would_have_it() -> None:
    chain = load_chain("sawyer", "book", ["rl.rl.steps=7", "sft.training.epochs=1"])
    assert list(chain.stages) == list(stage_cases("sawyer")) == ["sft", "reward", "rl"]
    assert chain.stages["sft"] == load_case("sft", "book", ["training.epochs=1"])
    assert chain.stages["reward"] == load_case("sawyer_reward", "book")
    assert chain.last == load_case("sawyer_rl", "book", ["rl.steps=7"])


def test_the_last_stage_answers_for_the_chain() -> None:
    assert answering_case("sawyer") == load_case("sawyer_rl")
    assert answering_case("sawyer_sft") == answering_case("sft") == load_case("sft")


def test_a_case_is_no_chain() -> None:
    assert is_chain("sawyer")
    assert not is_chain("sft")
    assert isinstance(load_any("sawyer"), ChainConfig)
    assert isinstance(load_any("sft"), CaseConfig)


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("rls.rl.steps=7", r"no field rls .*did you mean rl\?.* its stages, sft, reward, rl"),
        ("rl=7", "has no field rl of its own"),
        ("rl.rl.stesp=7", r"sawyer, stage rl: Unknown field rl\.stesp"),
        ("sft.training.epochs=0", r"sawyer, stage sft: training\.epochs: .*greater than 0"),
    ],
)
def test_a_wrong_stage_or_field_says_where(override: str, wanted: str) -> None:
    with pytest.raises(RequestError, match=wanted):
        load_chain("sawyer", "sample", [override])


def test_a_chain_file_that_names_no_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sawyer.yaml").write_text("title: Mine\n")
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    with pytest.raises(RequestError, match=r"conf/sawyer\.yaml, stages: Field required"):
        load_chain("sawyer")
