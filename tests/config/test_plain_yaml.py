"""YAML that would fill the memory, the stack or an afternoon is refused at once."""

import time
from pathlib import Path

import pytest

from tasks.config.loading import grid_points, load_case, parse_overrides
from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError
from tasks.models.base_models import known_base_models

BOMB = "[&a [x,x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]"
for _name, _before in zip("cdefghi", "bcdefgh", strict=True):
    BOMB += f", &{_name} [" + ",".join([f"*{_before}"] * 10) + "]"
BOMB += "]"

REFUSED = {
    "an alias bomb": (BOMB, "aliases written out"),
    "a list that holds itself": ("&a [*a]", "contains itself"),
    "3,000 brackets": ("[" * 3000 + "]" * 3000, "levels deep"),
    "3,000 open braces": ("{a: " * 3000, "levels deep"),
    "a day that there is not": ("2026-02-30", "day"),
    "a number of 5,000 digits": ("1" * 5000, "digits"),
    "a control character": ("a\x00b", "special characters"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_no_machine_could_hold_is_refused_at_once(case: tuple[str, str]) -> None:
    value, why = case
    started = time.perf_counter()
    with pytest.raises(RequestError, match=why) as refusal:
        parse_overrides([f"training.extra={value}"])
    assert time.perf_counter() - started < 5
    assert len(str(refusal.value)) < 500


def test_aliases_within_reason_stand_for_what_they_name() -> None:
    found = from_yaml("a: &rates [1, 2]\nb: *rates\nc: {<<: &more {x: 1}, y: 2}\nd: *more", "It")
    assert found == {"a": [1, 2], "b": [1, 2], "c": {"x": 1, "y": 2}, "d": {"x": 1}}


@pytest.mark.parametrize("name", ["genre.yaml", "base_models.yaml"])
def test_a_bomb_in_a_file_is_refused_with_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    (tmp_path / name).write_text(f"title: {BOMB}")
    with pytest.raises(RequestError, match=f"{name} is not YAML that can be read: .*aliases"):
        load_case("genre") if name == "genre.yaml" else known_base_models()


def test_overrides_of_a_form_that_are_nested_without_end_are_refused() -> None:
    nested: object = 1
    for _ in range(900):
        nested = [nested]
    with pytest.raises(RequestError, match="nested more than"):
        load_case("genre", overrides={"training": {"extra": {"a": nested}}})


def test_a_grid_of_more_points_than_anyone_waits_for_is_refused() -> None:
    values = list(range(1, 101))
    grid = {"epochs": values, "batch_size": values, "patience": values}
    with pytest.raises(RequestError, match=r"1,000,000 points"):
        load_case("genre", overrides={"grid": {"training": grid}})
    assert len(list(grid_points(load_case("genre")))) == 1


@pytest.mark.parametrize("field", ["training.epochs", "training.learning_rate"])
def test_infinity_is_no_setting(field: str) -> None:
    with pytest.raises(RequestError, match=field):
        load_case("genre", overrides=[f"{field}=.inf"])
