"""`conf/<case>.yaml`, then the profile, then overrides: what a user types and what comes of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.config.case_files import case_names, read_case_file
from tasks.config.loading import (
    case_model,
    grid_points,
    known_fields,
    load_case,
    nearest,
    parse_overrides,
)
from tasks.errors import RequestError

CASES = [(case, profile) for case in case_names() for profile in read_case_file(case)["profiles"]]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "profile"), CASES)
def test_every_case_loads_in_every_profile(case: str, profile: str) -> None:
    config = load_case(case, profile)
    assert (config.case, config.profile) == (case, profile)
    assert config.training.select_by.startswith("val/")
    assert config.evaluation.primary.startswith("test/")


def test_a_case_has_a_sample_and_a_book_profile() -> None:
    assert {"genre"} <= set(case_names())
    for case in case_names():
        assert {"sample", "book"} <= set(read_case_file(case)["profiles"])
        assert load_case(case).profile == "sample"


def test_the_list_of_base_models_is_no_case() -> None:
    assert "base_models" not in case_names()


def test_a_profile_lies_over_the_case() -> None:
    sample, book = load_case("genre"), load_case("genre", "book")
    assert [str(strategy) for strategy in sample.strategies] == [
        "full",
        "freeze_4",
        "last_1",
        "head",
    ]
    assert [str(strategy) for strategy in book.strategies] == ["full", "freeze_4"]
    assert sample.data.sample == "genre.jsonl"
    assert book.data.sample is None
    assert book.split.group_by == sample.split.group_by == "franchise"
    assert (sample.split.test, book.split.test) == (0.25, 0.15)


def test_an_unknown_case_says_which_there_are() -> None:
    with pytest.raises(RequestError, match=r"no case 'gerne' \(did you mean genre\?\); the cases"):
        load_case("gerne")


def test_an_unknown_profile_says_which_there_are() -> None:
    with pytest.raises(RequestError, match=r"no profile 'boook' \(did you mean book\?\); it has"):
        load_case("genre", "boook")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [("a: [1", "is not YAML that can be read"), ("- a\n- b\n", "holds no mapping of fields")],
)
def test_a_broken_case_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, wanted: str
) -> None:
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(RequestError, match=rf"mine\.yaml {wanted}"):
        load_case("mine")


def test_a_misspelt_field_in_a_case_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = read_case_file("genre")
    content["training"]["epoch"] = 2
    (tmp_path / "genre.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    with pytest.raises(RequestError, match=r"training\.epoch: "):
        load_case("genre")


# --- overrides --------------------------------------------------------------------------------


def test_an_override_changes_its_field_and_leaves_the_group_alone() -> None:
    before, after = load_case("genre"), load_case("genre", "sample", ["training.epochs=1"])
    assert after.training.epochs == 1
    assert after.model_dump() == {
        **before.model_dump(),
        "training": {**before.training.model_dump(), "epochs": 1},
    }


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("training.epoch", "training.epochs"),
        ("traning", "training"),
        ("epochs", "training.epochs"),
        ("seed", "seeds"),
        ("data.pth", "data.path"),
        ("model.max_len", "model.max_length"),
        ("execution.worker", "execution.workers"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        load_case("genre", "sample", [f"{name}=1"])
    assert f"Unknown field {name} (did you mean {hint}?)" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_field_that_is_near_to_nothing_gets_no_hint() -> None:
    with pytest.raises(RequestError, match="Unknown field zzzz;"):
        load_case("genre", "sample", ["zzzz=1"])


def test_numbers_in_scientific_notation_are_numbers() -> None:
    for wrong in ("seeds=-1", "seeds=[1,99999999999]", "split.seed=-1"):
        with pytest.raises(RequestError, match=f"{wrong.partition('=')[0]}.*Input should be"):
            load_case("genre", "sample", [wrong])
    config = load_case("genre", "sample", ["training.learning_rate=1e-5"])
    assert config.training.learning_rate == 1e-5
    grid = load_case("genre", "sample", ["grid.training.learning_rate=[1e-5,5e-5]"])
    rates = [made.training.learning_rate for _, made in grid_points(grid)]
    assert rates == [1e-5, 5e-5]


def test_lists_nulls_and_texts_are_read_as_yaml() -> None:
    overrides = [
        "strategies=[full,head]",
        "seeds=[1,2,3]",
        "training.patience=null",
        "split.near_duplicates=null",
        "data.text=['{title}', '{synopsis}']",
        "registry.enabled=false",
        "data.label_separator=",
        "data.path=/data/a b=c.csv",
    ]
    config = load_case("genre", "sample", overrides)
    assert [str(strategy) for strategy in config.strategies] == ["full", "head"]
    assert config.seeds == (1, 2, 3)
    assert config.training.patience is None
    assert config.split.near_duplicates is None
    assert config.data.text == ("{title}", "{synopsis}")
    assert config.registry.enabled is False
    assert config.data.label_separator == ""
    assert config.data.path == Path("/data/a b=c.csv")


def test_a_list_can_be_given_without_brackets() -> None:
    """A shell that expands brackets (zsh) would need quotes for them."""
    given = ["strategies=full,head", "seeds=1", "evaluation.baseline_c=0.5, 1e1"]
    config = load_case("genre", overrides=given)
    assert [str(strategy) for strategy in config.strategies] == ["full", "head"]
    assert (config.seeds, config.evaluation.baseline_c) == ((1,), (0.5, 10.0))
    assert load_case("genre", overrides=["seeds=1,2,3"]).seeds == (1, 2, 3)
    assert load_case("genre", overrides=["evaluation.table=f1_micro"]).evaluation.table == (
        "f1_micro",
    )
    with pytest.raises(RequestError, match=r"data\.header: .*tuple"):  # names may hold commas
        load_case("genre", overrides=["data.header=label,text"])


def test_a_group_can_be_given_at_once_and_is_merged() -> None:
    config = load_case("genre", "sample", ["training={epochs: 2}", "training.batch_size=4"])
    assert (config.training.epochs, config.training.batch_size) == (2, 4)
    assert config.training.learning_rate == load_case("genre").training.learning_rate


def test_the_order_of_a_group_and_its_field_does_not_matter() -> None:
    config = load_case("genre", "sample", ["training.batch_size=4", "training={epochs: 2}"])
    assert (config.training.epochs, config.training.batch_size) == (2, 4)


def test_of_two_values_for_a_field_the_later_counts() -> None:
    assert load_case("genre", "sample", ["seeds=[1]", "seeds=[2]"]).seeds == (2,)


@pytest.mark.parametrize(
    "overrides",
    [["training=5", "training.epochs=1"], ["training.epochs=1", "training=5"]],
)
def test_overrides_that_contradict_each_other_are_refused(overrides: list[str]) -> None:
    with pytest.raises(RequestError, match="contradicts an earlier one"):
        load_case("genre", "sample", overrides)


@pytest.mark.parametrize("text", ["training.epochs", "=3", "training"])
def test_an_override_without_a_value_says_how_one_looks(text: str) -> None:
    with pytest.raises(RequestError, match=r"not of the form field=value \(training\.epochs=1\)"):
        parse_overrides([text])


def test_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(RequestError, match=r"'seeds=\[1,2' is not YAML"):
        parse_overrides(["seeds=[1,2"])


def test_texts_and_a_mapping_say_the_same() -> None:
    tree = {"training": {"epochs": 2}, "seeds": [1, 2]}
    assert load_case("genre", "sample", tree) == load_case(
        "genre", "sample", ["training.epochs=2", "seeds=[1,2]"]
    )


SAFE_VALUES: dict[str, Any] = {
    "seeds": [7, 8],
    "strategies": ["head"],
    "title": "Another title",
    "data.limit": 100,
    "data.min_label_count": 3,
    "data.text": ["{title}"],
    "model.base": "some/model",
    "model.max_length": 32,
    "model.dropout": 0.3,
    "training.epochs": 2.5,
    "training.learning_rate": 1e-5,
    "training.patience": 2,
    "training.schedule": "cosine",
    "split.seed": 5,
    "split.near_duplicates": None,
    "evaluation.bootstrap": 200,
    "registry.enabled": False,
    "execution.workers": 3,
    "tracking.uri": "http://127.0.0.1:5000",
    "schedule.cron": None,
}


@settings(max_examples=40)  # each reads a case's file twice
@given(
    names=st.sets(st.sampled_from(sorted(SAFE_VALUES))),
    case_and_profile=st.sampled_from(CASES),
)
def test_any_subset_of_overrides_leaves_every_other_field_as_it_was(
    names: set[str], case_and_profile: tuple[str, str]
) -> None:
    config = load_case(*case_and_profile)
    before = flat(config.model_dump(mode="json"))
    # Models about pictures are frozen by part, and those that write have no head of their own.
    writes = config.task in ("completion", "policy")
    strategies = ["encoders"] if config.task == "vqa" else ["full", "last_2"] if writes else None
    safe = SAFE_VALUES | ({"strategies": strategies} if strategies else {})
    if config.training.keep == "last":
        names = names - {"training.patience"}  # which waits for the best epoch
    overrides = [f"{name}={yaml.safe_dump(safe[name])}" for name in names]
    after = flat(load_case(*case_and_profile, overrides).model_dump(mode="json"))
    assert after == before | {name: safe[name] for name in names}


def leaves(tree: Mapping[str, Any]) -> Iterator[str]:
    return iter(flat(tree))


def test_every_field_that_is_shown_is_known_by_name() -> None:
    shown = load_case("genre").model_dump(exclude={"reference", "data"})
    known = set(known_fields(case_model("genre")))
    assert set(leaves(shown)) <= known
    assert {f"data.{name}" for name in DataConfig.model_fields} <= known


def test_the_nearest_name_is_none_for_a_far_one() -> None:
    assert nearest("epoch", ["epochs", "seeds"]) == " (did you mean epochs?)"
    assert nearest("xyz", ["epochs", "seeds"]) == ""


@pytest.mark.parametrize("mark", ["|", ">", "#", "~", "-", ",", ":", "&", "%", ";"])
def test_a_lone_punctuation_mark_stands_for_itself(mark: str) -> None:
    assert (
        load_case("genre", "sample", [f"data.label_separator={mark}"]).data.label_separator == mark
    )


def test_an_exponent_is_a_number_in_lists_too() -> None:
    found = parse_overrides(["grid.training.learning_rate=[1e-4, 3E-4]", "training.epochs=2"])
    assert found["grid"]["training"]["learning_rate"] == [1e-4, 3e-4]
