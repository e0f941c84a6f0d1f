"""Strategies by name: what is one, what is none and why, and how deep each freezes."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tasks.config.loading import load_case
from tasks.config.strategies import Strategy, strategy
from tasks.errors import RequestError
from tasks.training.arms import check_strategies


class Holder(BaseModel):
    strategy: Strategy


@pytest.mark.parametrize(
    "name",
    [
        "full",
        "head",
        "freeze_1",
        "freeze_12",
        "last_3",
        "prompt_20",
        "lora_8",
        "dora_16",
        "ia3",
        "bitfit",
        "unfreeze_2",
    ],
)
def test_a_strategy_is_written_and_read_as_its_name(name: str) -> None:
    held = Holder(strategy=name)  # type: ignore[arg-type]
    assert str(held.strategy) == name
    assert json.loads(held.model_dump_json()) == {"strategy": name}
    assert Holder.model_validate_json(held.model_dump_json()) == held


@pytest.mark.parametrize(
    "name",
    ["", "Full", "freeze", "freeze_", "freeze_0", "freeze_01", "freeze_-1", "last_0", "last_x",
     "head_1", "full_2", "freeze_2,3", " full", "freeze_2\n", "top_2", "prompt", "prompt_0",
     "prompt_-1", "lora_0", "lora_r", "lora_08", "lora_8_16", "dora", "dora_0",
     "bitfit_2", "BitFit", "ia3_2", "IA3", "unfreeze", "unfreeze_0"],
)  # fmt: skip
def test_what_is_no_strategy_is_refused_with_the_forms_that_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no strategy: use full, freeze_<n>, last_<n>"):
        strategy(name)


@pytest.mark.parametrize("value", [3, None, ["full"], {"name": "full", "depth": 2}])
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Holder(strategy=value)  # type: ignore[arg-type]


def test_a_wrong_strategy_in_an_override_is_a_sentence() -> None:
    with pytest.raises(RequestError, match=r"strategies\.1: 'freez_4' is no strategy"):
        load_case("genre", "sample", ["strategies=[full,freez_4]"])


@given(blocks=st.integers(1, 48), n=st.integers(1, 48))
def test_freezing_the_bottom_and_training_the_top_add_up(blocks: int, n: int) -> None:
    freeze, last = strategy(f"freeze_{n}"), strategy(f"last_{n}")
    if n > blocks:
        for one in (freeze, last):
            with pytest.raises(RequestError, match=rf"names {n} blocks, and the base model has"):
                one.frozen_blocks(blocks)
    else:
        assert freeze.frozen_blocks(blocks) == n
        assert last.frozen_blocks(blocks) == blocks - n


def test_full_freezes_nothing_and_head_everything() -> None:
    assert strategy("full").frozen_blocks(6) is None
    assert strategy("head").frozen_blocks(6) == 6


def test_too_many_blocks_say_what_the_model_has() -> None:
    with pytest.raises(RequestError, match="has 6: use freeze_1 to freeze_6, or `head`"):
        strategy("freeze_7").frozen_blocks(6)


def names(*given: str) -> tuple[Strategy, ...]:
    return tuple(strategy(name) for name in given)


def test_two_names_for_one_depth_are_refused_before_anything_trains() -> None:
    with pytest.raises(RequestError, match="freeze_4 and last_2 are the same in a base model of 6"):
        check_strategies(names("full", "freeze_4", "last_2"), 6)
    check_strategies(names("full", "freeze_4", "last_2"), 12)


def test_every_strategy_is_held_against_the_model() -> None:
    with pytest.raises(RequestError, match="last_9 names 9 blocks"):
        check_strategies(names("full", "last_9"), 6)


def test_a_prompt_and_lora_are_known_by_their_numbers() -> None:
    tokens, ranks = {}, {}
    for name in ("full", "head", "freeze_4", "last_4", "prompt_20", "lora_8", "dora_4", "bitfit"):
        tokens[name] = strategy(name).prompt_tokens
        adapter = strategy(name).adapter(dropout=0.1, transposed=False)
        ranks[name] = adapter and (adapter.r, adapter.lora_alpha, adapter.use_dora)
    assert {name: count for name, count in tokens.items() if count} == {"prompt_20": 20}
    assert {name: rank for name, rank in ranks.items() if rank} == {
        "lora_8": (8, 16, False),
        "dora_4": (4, 8, True),
    }


@pytest.mark.parametrize(
    "name", ["full", "freeze_2", "unfreeze_2", "dora_4", "ia3", "bitfit", "text_encoder"]
)
def test_a_strategy_travels_to_another_process(name: str) -> None:
    assert pickle.loads(pickle.dumps(strategy(name))) == strategy(name)  # noqa: S301 - our own


def test_a_task_is_told_which_strategies_it_can_have() -> None:
    with pytest.raises(RequestError) as refused:
        load_case("latex", "sample", ["strategies=[full,prompt_4]"])
    assert "a soft prompt is put before the texts of classifiers alone so far: use full, " in str(
        refused.value
    )
    assert "prompt_<n>" not in str(refused.value)
    load_case("latex", "sample", ["strategies=[full,dora_4,bitfit]"])


@given(n=st.integers(1, 10_000), blocks=st.integers(1, 48))
def test_a_number_that_names_no_blocks_is_not_held_against_them(n: int, blocks: int) -> None:
    for form in ("prompt", "lora", "dora"):
        assert strategy(f"{form}_{n}").frozen_blocks(blocks) is None


def test_the_usual_sweep_has_several_ways_that_freeze_no_block() -> None:
    check_strategies(
        names("full", "prompt_20", "prompt_5", "lora_8", "dora_8", "bitfit", "freeze_6", "head"),
        6,
        512,
    )


def test_a_prompt_leaves_room_for_a_text() -> None:
    check_strategies(names("prompt_504"), 6, 512)
    check_strategies(names("prompt_600"), 6, None)  # a model without a limit
    for name, left in (("prompt_505", 7), ("prompt_600", 0)):
        with pytest.raises(
            RequestError,
            match=rf"{name} leaves {left} of the base model's 512 .* prompt_1 to prompt_504",
        ):
            check_strategies(names("full", name), 6, 512)


@pytest.mark.parametrize(
    ("name", "because"),
    [("prompt_20", "a soft prompt changes the input of every block"),
     ("lora_8", "LoRA changes every block"),
     ("dora_8", "DoRA changes every block"),
     ("ia3", "\\(IA\\)3 changes every block"),
     ("unfreeze_1", "what is frozen changes with every epoch"),
     ("bitfit", "BitFit trains biases in every block")],
)  # fmt: skip
def test_a_trunk_that_is_asked_for_needs_blocks_that_stay_as_they_are(
    name: str, because: str
) -> None:
    for trunk in ("auto", "off"):
        check_strategies(names("freeze_2", name), 6, 512, trunk)
    with pytest.raises(
        RequestError, match=rf"trunk=on does not go with strategy {name}: {because}"
    ):
        check_strategies(names("freeze_2", name), 6, 512, "on")


def test_head_and_freezing_every_block_may_stand_side_by_side() -> None:
    check_strategies(
        names("head", "freeze_6", "full"), 6
    )  # a decoder's final norm tells them apart
