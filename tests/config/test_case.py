"""What the configuration takes and refuses: values, sources of data, grids."""

from pathlib import Path

import pytest

from tasks.config import DataConfig
from tasks.config.loading import grid_points, load_case
from tasks.errors import RequestError
from tasks.kinds.kind import kind_of


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("training.epochs=three", r"training\.epochs: .*valid number.*given: 'three'"),
        ("training.epochs=0", r"training\.epochs: .*greater than 0.*given: 0"),
        ("training.select_by=[1]", r"training\.select_by: "),
        ("model.max_length=2", r"model\.max_length: .*greater than or equal to 4"),
        ("training.precision=fp8", r"training\.precision: .*'auto', 'fp32', 'bf16' or 'fp16'"),
        ("seeds=[]", "seeds: is empty: give at least one"),
        ("seeds=[1,1]", "seeds: names 1 twice"),
        ("strategies=[full,full]", "strategies: names full twice"),
        ("split.test=0.9", "leave less than a tenth for training"),
        ("data.sample=null", "data has 0 sources"),
        ("training=null", "training is a group of fields: override one of them"),
    ],
)
def test_a_value_that_does_not_fit_says_where_and_why(override: str, wanted: str) -> None:
    with pytest.raises(RequestError, match=wanted) as caught:
        load_case("genre", "sample", [override])
    assert "\n" not in str(caught.value)


def test_two_sources_at_once_are_refused() -> None:
    with pytest.raises(RequestError, match="data has 2 sources: give exactly one"):
        load_case("genre", "sample", ["data.path=a.csv", "data.hub=me/data"])


@pytest.mark.parametrize("profile", ["sample", "book"])
@pytest.mark.parametrize("source", ["path", "hub", "url", "sample"])
def test_a_source_override_replaces_the_profiles_source(profile: str, source: str) -> None:
    data = load_case("genre", profile, [f"data.{source}=mine.csv"]).data
    given = {name for name in ("sample", "path", "hub", "url") if getattr(data, name) is not None}
    assert given == {source}
    assert data.sha256 is data.member is data.hub_revision is None


def test_what_belongs_to_the_new_source_is_kept() -> None:
    overrides = ["data.url=https://x.test/a.zip", "data.member=a.csv", "data.sha256=ab"]
    data = load_case("genre", "book", overrides).data
    assert (data.member, data.sha256) == ("a.csv", "ab")
    assert data.min_label_count == load_case("genre", "book").data.min_label_count


def test_on_and_off_yes_and_no_are_words() -> None:
    overrides = ["training.trunk=on", "data.labels=[yes,no]", "training.balance=true"]
    config = load_case("spam", "sample", overrides)
    assert config.training.trunk == "on"
    assert config.data.labels == ("yes", "no")
    assert config.training.balance == "undersample"
    assert load_case("spam", "sample", ["training.trunk=off"]).training.trunk == "off"


def test_a_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert DataConfig(path=Path("~/a.csv")).path == Path("/home/someone/a.csv")


def test_the_configuration_cannot_be_changed_afterwards() -> None:
    config = load_case("genre")
    with pytest.raises(ValueError, match="frozen"):
        config.seeds = (1,)  # type: ignore[misc]


# --- grids ------------------------------------------------------------------------------------


def test_a_grid_makes_every_combination() -> None:
    config = load_case(
        "genre", "sample", ["grid.training.learning_rate=[1e-5,5e-5]", "grid.model.dropout=[0,0.5]"]
    )
    made = [each for _, each in grid_points(config)]
    assert [(each.training.learning_rate, each.model.dropout) for each in made] == [
        (1e-5, 0.0),
        (1e-5, 0.5),
        (5e-5, 0.0),
        (5e-5, 0.5),
    ]
    assert {each.training.epochs for each in made} == {config.training.epochs}


def test_without_a_grid_there_is_one_point() -> None:
    config = load_case("genre")
    assert list(grid_points(config)) == [({}, config)]


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        (
            "grid.training.learning_rat=[1]",
            r"grid\.training\.learning_rat \(did you mean learning_",
        ),
        ("grid.trainin.epochs=[1]", r"Unknown field grid\.trainin \(did you mean grid\.training"),
        ("grid.training.epochs=[]", r"grid\.training\.epochs has no values"),
        ("grid.training.epochs=[1,-1]", r"grid: epochs: .*greater than 0"),
        ("grid.training.epochs=3", r"grid\.training\.epochs: .*valid tuple"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_runs(
    override: str, wanted: str
) -> None:
    with pytest.raises(RequestError, match=wanted):
        load_case("genre", "sample", [override])


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.keep=last", "training.patience=2"],
        ["grid.training.keep=[best,last]", "training.patience=2"],
    ],
)
def test_stopping_early_and_keeping_the_last_epoch_contradict_each_other(
    overrides: list[str],
) -> None:
    with pytest.raises(RequestError, match="says nothing for training"):
        load_case("spam", "sample", overrides)


def test_a_group_column_alone_groups() -> None:
    split = load_case("spam", "sample", ["data.path=a.csv", "data.group_column=sender"]).split
    assert (split.group_by, split.group_role) == ("column", "given_group")


def test_two_ways_to_group_are_refused_and_one_is_chosen() -> None:
    overrides = ["data.path=a.csv", "data.group_column=studio"]
    with pytest.raises(RequestError, match=r"set split\.group_by=none for the column"):
        load_case("genre", "sample", overrides)
    split = load_case("genre", "sample", [*overrides, "split.group_by=none"]).split
    assert (split.group_by, split.group_role) == ("column", "given_group")


@pytest.mark.parametrize("name", ["runs/my model #2", "#2.csv", "a # b"])
def test_a_number_sign_in_a_path_is_no_comment(name: str) -> None:
    assert load_case("spam", "sample", [f"data.path={name}"]).data.path == Path(name)


@pytest.mark.parametrize("case", ["genre", "urgency", "latex", "sawyer_reward", "sawyer_rl", "vqa"])
@pytest.mark.parametrize(
    "override", ["training.balance=oversample", "grid.training.balance=[none,undersample]"]
)
def test_classes_are_balanced_where_a_row_has_one(case: str, override: str) -> None:
    with pytest.raises(RequestError, match="is for cases whose rows have one label each, and this"):
        load_case(case, "sample", [override])
    assert load_case("spam", "sample", [override])


@pytest.mark.parametrize("case", ["latex", "sawyer_rl", "vqa"])
def test_several_base_models_are_refused_where_their_figures_do_not_compare(case: str) -> None:
    config = load_case(case, "sample", ["grid.model.base=[minilm,smollm2]"])
    with pytest.raises(RequestError, match=r"grid\.model\.base does not go with"):
        kind_of(config.task).check(config)


def test_words_for_a_prompt_need_a_prompt() -> None:
    words = "model.prompt_text=Is it spam?"
    assert load_case("spam", "sample", [words, "strategies=[prompt_4,head]"]).model.prompt_text
    with pytest.raises(RequestError, match="no strategy here is one"):
        load_case("spam", "sample", [words, "strategies=[head]"])
