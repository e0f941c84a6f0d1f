"""Registered models as the start of other work: found by alias, pinned, copied once, refused."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from damages import DAMAGES, Damage
from genre_runs import home
from registry.registered import classifier, register, reward_model, writer

from tasks.config import DataConfig, PolicyCase, RewardConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError, ThawError
from tasks.kinds.numbers.package import NumberInfo
from tasks.kinds.policy.pinning import pin
from tasks.kinds.policy.reward_models import build_reward
from tasks.registry.stages import (
    CLASSICAL,
    PROFILE,
    fetch,
    is_reference,
    locate_start,
    package_folder,
)
from tasks.tracking import Tracker

STARS = ("1", "2", "3")


@pytest.fixture(scope="module")
def registry(
    migrated_store: Path,
    tiny_writer: Path,
    tiny_bert: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A home with a model that writes, a classifier and a reward model, each a champion."""
    with home(tmp_path_factory.mktemp("registry"), migrated_store) as folder:
        register("sft", writer(tiny_writer, source_name="Q"), "completion", str(tiny_writer))
        register("reviews", classifier(tiny_bert, STARS), "single_label")
        register("sawyer_reward", reward_model(tiny_bert), "preference")
    return folder


@pytest.fixture
def tracker(registry: Path, isolated_store: Path, migrated_store: Path) -> Iterator[Tracker]:
    with home(registry, migrated_store):
        yield Tracker()


def test_training_starts_from_the_challenger_where_no_trained_model_is_champion(
    tracker: Tracker,
) -> None:
    made = tracker.version("reviews", "1")
    assert made is not None
    name, source, run_id = "acceptability", str(made.source), str(made.run_id)
    tracker.create_version(name, source, run_id, "", {})
    with pytest.raises(RequestError, match="no champion of acceptability yet"):
        fetch("acceptability@champion", tracker)
    tracker.set_alias(name, "challenger", "1")
    assert fetch("acceptability@champion", tracker).version == "1"
    tracker.set_alias(
        name, "champion", tracker.create_version(name, source, run_id, "", {CLASSICAL: "true"})
    )
    assert fetch("acceptability@champion", tracker).version == "1"
    tracker.set_alias(name, "champion", tracker.create_version(name, source, run_id, "", {}))
    assert fetch("acceptability@champion", tracker).version == "3"


def test_what_one_profile_or_a_users_data_made_is_no_other_ones_start(tracker: Tracker) -> None:
    made = tracker.version("reviews", "1")
    assert made is not None
    name, source, run_id = "urgency", str(made.source), str(made.run_id)
    tags = {PROFILE: "own"}
    number = tracker.create_version(name, source, run_id, "", tags)
    tracker.set_alias(name, "champion", number)
    assert fetch("urgency@champion", tracker, "own").version == number
    says = r"urgency@champion is version \d+, which data of your own made, .* profile sample"
    with pytest.raises(RequestError, match=says):
        fetch("urgency@champion", tracker, "sample")
    assert fetch(f"urgency@v{number}", tracker, "sample").version == number  # said by number
    assert fetch("reviews@champion", tracker, "sample").version == "1"  # of an earlier release
    missing = r"no champion of sft-book yet: `thaw run sft --profile book` trains"
    with pytest.raises(RequestError, match=missing):
        fetch("sft-book@champion", tracker, "book")


def test_the_books_models_have_names_of_their_own() -> None:
    assert load_case("sft").registry.name is None
    assert load_case("sft", "book").registry.name == "sft-book"
    assert load_case("vqa", "second_edition").registry.name == "vqa-second_edition"
    assert load_case("sft", "book", ["registry.name=mine"]).registry.name == "mine"
    assert load_case("sft", "book", ["data.path=mine.jsonl"]).registry.name is None
    book = load_case("sawyer_rl", "book")
    assert book.model.base == "sft-book@champion"
    assert isinstance(book, PolicyCase)
    assert book.rewards[0].model == "sawyer_reward-book@champion"


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("sft@champion", True),
        ("sft@v3", True),
        ("smollm2", False),
        ("owner/name", False),
        ("owner/name@main", False),
        ("./sft@champion", False),
    ],
)
def test_what_is_a_reference(name: str, yes: bool) -> None:
    assert is_reference(name) is yes


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sft@champion").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_reference("sft@champion")


def test_an_alias_becomes_a_version_with_a_digest_of_its_files(
    tracker: Tracker, tiny_writer: Path
) -> None:
    found = fetch("sft@champion", tracker)
    assert (found.reference, found.base) == ("sft@v1", str(tiny_writer))
    assert fetch("sft@v1", tracker) == fetch("sawyer_sft@champion", tracker) == found
    assert len(found.digest) == 64
    assert fetch("reviews@champion", tracker).digest != found.digest
    assert {"model", "tokenizer", "package.json"} <= {
        path.name for path in package_folder(found.digest).iterdir()
    }


def test_the_model_inside_is_a_base_model_like_any_other(
    tracker: Tracker, tiny_writer: Path
) -> None:
    from tasks.language.writing import load_writing
    from tasks.models.base_models import locate

    found = fetch("sft@champion", tracker)
    located = locate_start(found.reference, found.digest)
    assert located.digest == found.digest
    model, tokenizer = load_writing(located)
    wanted, other = load_writing(locate(str(tiny_writer)))
    assert tokenizer.pad_token_id == other.pad_token_id != tokenizer.eos_token_id
    for (name, value), same in zip(model.named_parameters(), wanted.parameters(), strict=True):
        assert torch.equal(value, same), name


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("sft@nobody", "There is no nobody of sft yet: `thaw run sft` trains and registers one."),
        ("sft@v7", "There is no version 7 of sft yet: `thaw run sft`"),
        (
            "summaries@champion",
            "There is no champion of summaries yet: `thaw run summaries` trains and registers one.",
        ),
        ("mine@champion", "There is no champion of mine in the registry, and no case"),
    ],
)
def test_what_is_not_registered_yet_says_which_flow_makes_it(
    reference: str, says: str, tracker: Tracker
) -> None:
    with pytest.raises(RequestError) as caught:
        fetch(reference, tracker)
    assert says in str(caught.value)


def test_a_package_that_left_the_store_is_fetched_again(tracker: Tracker) -> None:
    digest = fetch("reviews@champion", tracker).digest
    shutil.rmtree(package_folder(digest))
    with pytest.raises(ThawError, match="the same command fetches"):
        package_folder(digest)
    assert fetch("reviews@champion", tracker).digest == digest
    assert package_folder(digest).is_dir()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_package_is_brought_into_the_store_anew(damage: Damage, tracker: Tracker) -> None:
    digest = fetch("sft@champion", tracker).digest
    weights = package_folder(digest) / "model" / "model.safetensors"
    whole = weights.read_bytes()
    damage(weights)
    assert fetch("sft@champion", tracker).digest == digest
    assert weights.read_bytes() == whole


def test_a_model_that_does_not_write_is_no_start(tracker: Tracker) -> None:
    found = fetch("reviews@champion", tracker)
    with pytest.raises(RequestError, match=r"model\.base=reviews@v1 .* does not write"):
        locate_start(found.reference, found.digest)


# --- rewards ----------------------------------------------------------------------------------


def test_a_registered_classifier_rewards_as_it_reads(tracker: Tracker, tiny_bert: Path) -> None:
    digest = fetch("reviews@champion", tracker).digest
    config = RewardConfig(model="reviews@v1", label="2", name="neutral", weight=0.5)
    reward = build_reward(config, digest)
    assert (reward.name, reward.weight, reward.identity) == ("neutral", 0.5, digest)
    answers = ["a long  answer of words", "", "short"]
    package = classifier(tiny_bert, STARS)
    wanted = package.logits(["Body: a long answer of words", "", "Body: short"], rendered=True)
    found = reward.score(["?"] * 3, answers)
    assert found[0] == pytest.approx(wanted[0, 1], abs=1e-5)  # behind cleaning and template
    assert found[2] == pytest.approx(wanted[2, 1], abs=1e-5)


def test_a_registered_reward_model_reads_question_and_answer(
    tracker: Tracker, tiny_bert: Path
) -> None:
    digest = fetch("sawyer_reward@champion", tracker).digest
    reward = build_reward(RewardConfig(model="sawyer_reward@v1", name="liked"), digest)
    questions, answers = ["who", "why", "who"], ["me", "me", ""]
    wanted = reward_model(tiny_bert).rewards(questions, answers)
    assert reward.score(questions, answers) == pytest.approx(wanted, abs=1e-5)
    assert len(set(wanted)) == 3


@pytest.mark.parametrize(
    ("name", "label", "says"),
    [
        ("reviews", "9", r"no label '9': its labels are 1, 2, 3"),
        ("reviews", None, r"labels 1, 2, 3: say which one's logit counts"),
        ("sawyer_reward", "good", "one output and no labels: leave label out"),
        ("sft", None, "does not score texts"),
    ],
)
def test_a_model_that_cannot_reward_so_is_refused(
    name: str, label: str | None, says: str, tracker: Tracker
) -> None:
    digest = fetch(f"{name}@champion", tracker).digest
    with pytest.raises(RequestError, match=says):
        build_reward(RewardConfig(model=f"{name}@v1", label=label), digest)


def test_a_model_of_numbers_is_refused_as_a_reward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = NumberInfo(
        case="urgency",
        max_length=32,
        data=DataConfig(),
        arm_key="k",
        strategy="full",
        mean=1.0,
        deviation=2.0,
    )
    (tmp_path / "package.json").write_text(info.model_dump_json())
    (tmp_path / "head.json").write_text("{}")
    monkeypatch.setattr("tasks.kinds.policy.reward_models.package_folder", lambda _: tmp_path)
    with pytest.raises(RequestError, match="a registered model that gives numbers"):
        build_reward(RewardConfig(model="urgency@v1"), "")


def test_a_reward_that_is_neither_a_model_nor_a_folder_names_its_field(tracker: Tracker) -> None:
    with pytest.raises(RequestError, match=r"rewards\[\]\.model=nothing is neither"):
        build_reward(RewardConfig(model="nothing"), "")


# --- pinning ----------------------------------------------------------------------------------


def test_a_case_is_pinned_to_versions_and_takes_over_the_prompt(
    tracker: Tracker, tiny_writer: Path
) -> None:
    pinned = pin(load_case("sawyer_rl"), tracker)
    config = pinned.config
    assert config.model.base == pinned.base.name == "sft@v1"
    assert config.language.source_name == "Q"
    reward, *_ = config.rewards
    assert (reward.model, reward.title) == ("sawyer_reward@v1", "preference")
    assert pinned.reward_digests[0] == fetch("sawyer_reward@champion", tracker).digest
    assert pinned.untouched is not None
    assert pinned.untouched[0] == str(tiny_writer)
    assert pinned.params["start"].startswith("sft@v1 ")
    assert pinned.params["reward.preference"].startswith("sawyer_reward@v1 ")


def test_an_alias_that_moves_makes_another_pinned_case(tracker: Tracker, tiny_writer: Path) -> None:
    before = pin(load_case("sawyer_rl"), tracker)
    register("sft", writer(tiny_writer, source_name="Question"), "completion", str(tiny_writer))
    try:
        after = pin(load_case("sawyer_rl"), tracker)
        assert after.config.model.base != before.config.model.base
        assert after.base.digest != before.base.digest
        held = pin(load_case("sawyer_rl", overrides=["model.base=sft@v1"]), tracker)
        assert held.base == before.base
    finally:
        tracker.set_alias("sft", "champion", "1")


def test_a_name_of_its_own_is_kept_under_which_a_reward_is_logged(tracker: Tracker) -> None:
    rewards = "rewards=[{model: reviews@champion, label: '3'}]"
    pinned = pin(load_case("sawyer_rl", overrides=[rewards]), tracker)
    assert [reward.title for reward in pinned.config.rewards] == ["3"]
