"""A case holds the common sections and those of its kind, and no other."""

import json
from typing import get_args

import pytest

from tasks.config.base import Task
from tasks.config.case_files import case_names
from tasks.config.kinds import CASES, case_of_json
from tasks.config.loading import load_case
from tasks.errors import RequestError

OF_ONE_KIND = {"hosted", "language", "numbers", "preference", "rl", "rewards", "vqa"}
HELD = {
    "genre": {"hosted"},
    "spam": {"hosted"},
    "urgency": {"numbers"},
    "latex": {"language"},
    "sft": {"language"},
    "sawyer_reward": {"preference"},
    "sawyer_rl": {"language", "rl", "rewards"},
    "vqa": {"vqa"},
}


def test_every_task_has_a_configuration() -> None:
    assert CASES.keys() == set(get_args(Task))


@pytest.mark.parametrize("case", HELD)
def test_a_case_shows_the_sections_of_its_kind_alone(case: str) -> None:
    assert OF_ONE_KIND & load_case(case).model_dump().keys() == HELD[case]


@pytest.mark.parametrize("override", ["rl.steps=3", "vqa.sees=image", "rewards=[]"])
def test_a_section_of_another_kind_is_refused_by_name(override: str) -> None:
    section = override.partition("=")[0].partition(".")[0]
    with pytest.raises(RequestError, match=f"{section} is a section of cases with task "):
        load_case("genre", "sample", [override])


def test_a_grid_over_a_section_of_another_kind_is_refused() -> None:
    with pytest.raises(RequestError, match=r"Unknown field grid\.rl"):
        load_case("genre", "sample", ["grid.rl.steps=[1,2]"])


@pytest.mark.parametrize("case", case_names())
def test_a_configuration_that_a_run_keeps_is_read_again(case: str) -> None:
    config = load_case(case)
    assert case_of_json(config.model_dump_json()) == config


def test_a_configuration_of_a_release_that_had_every_section_is_read() -> None:
    config = load_case("genre", "sample", ["training.epochs=7"])
    kept = json.loads(config.model_dump_json())
    kept |= {"rl": {"steps": 5}, "language": {}, "preference": {}, "rewards": [], "vqa": {}}
    kept["grid"] |= {"preference": {}, "rl": {}, "vqa": {}}
    assert case_of_json(json.dumps(kept)) == config
