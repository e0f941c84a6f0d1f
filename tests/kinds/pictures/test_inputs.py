"""From questions and pictures to batches: each once, the same numbers from the store or not."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds.pictures.answering_parts import MakeVqaSpec
from PIL import Image

from tasks.errors import RequestError
from tasks.kinds.pictures.building import build_answerer
from tasks.kinds.pictures.inputs import Inputs, prepare_inputs
from tasks.kinds.pictures.model.freezing import freeze_parts
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.pixels import from_files, from_shelf, kept_pixels, read_ahead
from tasks.kinds.pictures.questions import PARTS, encode_texts, read_questions
from tasks.kinds.pictures.training import PictureSampler
from tasks.training.arms import ArmSpec

GIGABYTE = 10**9


def inputs_of(spec: ArmSpec) -> tuple[Inputs, MultimodalModel]:
    model, processor = build_answerer(spec)
    frozen = freeze_parts(model, str(spec.strategy)).parts
    return prepare_inputs(spec, model.eval(), processor, read_questions(spec), frozen), model


def some(part: str, rows: int = 12) -> list[dict[str, int]]:
    return [{"part": PARTS.index(part), "row": row} for row in range(rows)]


def test_rows_point_at_each_text_and_picture_once(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec()
    asked = read_questions(spec)
    assert len(set(asked.texts)) == len(asked.texts)
    assert len(set(asked.pictures)) == len(asked.pictures) == 40
    for name, part in asked.parts.items():
        frame = getattr(spec, name).read()
        assert [asked.texts[n] for n in part.questions] == frame["question"].tolist()
        assert [asked.pictures[n] for n in part.pictures] == frame["image"].tolist()
        assert [asked.answers[n] for n in part.answers] == frame["answer"].tolist()
        assert [str(asked.paths[n]) for n in part.pictures] == frame["path"].tolist()


def test_questions_that_are_cut_or_unreadable_are_counted(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec("vqa.max_question=6")
    asked = read_questions(spec)
    _, processor = build_answerer(spec)
    texts = encode_texts(
        replace(asked, texts=("何色ですか", "what is it?", "how many " * 9)), processor
    )
    assert (texts.cut, texts.unreadable) == (1, 1)
    assert max(map(len, texts.questions)) == 6


@pytest.mark.parametrize("strategy", ["nothing", "text_encoder", "image_encoder", "encoders"])
def test_kept_states_give_the_numbers_of_the_encoders(
    make_vqa_spec: MakeVqaSpec, strategy: str
) -> None:
    kept, model = inputs_of(make_vqa_spec(f"strategies=[{strategy}]"))
    anew, _ = inputs_of(make_vqa_spec(f"strategies=[{strategy}]", "training.trunk=off"))
    assert anew.kept == ()
    assert anew.description == "training.trunk=off"
    batch, other = kept(some("train")), anew(some("train"))
    assert ("text_states" in batch) == (strategy in ("text_encoder", "encoders"))
    assert ("image_states" in batch) == (strategy in ("image_encoder", "encoders"))
    assert {"input_ids", "pixel_values"} <= other.keys()
    with torch.inference_mode():
        assert torch.allclose(model(**batch).logits, model(**other).logits, atol=1e-5)


def test_a_picture_is_in_a_batch_once(make_vqa_spec: MakeVqaSpec) -> None:
    inputs, _ = inputs_of(make_vqa_spec())
    batch = inputs(some("train"))
    places = inputs.asked.parts["train"].pictures[:12]
    assert len(batch["pixel_values"]) == len(set(places.tolist())) < 12
    assert (np.unique(places)[batch["image_rows"].numpy()] == places).all()


def test_encoders_run_once_for_all_arms(
    make_vqa_spec: MakeVqaSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    run = MultimodalModel.image_features

    def counted(self: MultimodalModel, pixel_values: torch.Tensor) -> torch.Tensor:
        seen.append(len(pixel_values))
        return run(self, pixel_values)

    monkeypatch.setattr(MultimodalModel, "image_features", counted)
    inputs_of(make_vqa_spec("strategies=[encoders]"))
    assert sum(seen) == 40 + 1  # each picture, and one to learn how many patches there are
    inputs_of(make_vqa_spec("strategies=[image_encoder]", "vqa.fusion=mean"))
    assert sum(seen) == 40 + 2
    inputs_of(make_vqa_spec("strategies=[encoders]", "seeds=[7]"))  # other random weights
    assert sum(seen) == 2 * 40 + 3


@pytest.mark.parametrize(("sees", "given"), [("question", "image"), ("image", "text")])
def test_a_blind_arm_gets_zeros_and_no_length(
    make_vqa_spec: MakeVqaSpec, sees: str, given: str
) -> None:
    inputs, _ = inputs_of(make_vqa_spec("strategies=[encoders]", f"vqa.sees={sees}"))
    batch = inputs(some("train"))
    assert batch[f"{given}_states"].shape == (12, 1, 32)
    assert not batch[f"{given}_states"].any()
    other = {"question": "text_states", "image": "image_states"}[sees]
    assert batch[other].any()
    assert ("attention_mask" in batch) == (sees == "question")


def test_whole_pictures_are_seen_where_a_checkpoint_would_crop_them(
    make_vqa_spec: MakeVqaSpec, tiny_eyes: Path
) -> None:
    wide = Image.new("RGB", (96, 48), "black")
    wide.paste("white", (0, 0, 12, 48))  # what a crop to a square cuts off
    eyes = (f"vqa.image_encoder={tiny_eyes}", "strategies=[encoders]")
    _, cropping = build_answerer(make_vqa_spec(*eyes))
    _, whole = build_answerer(make_vqa_spec(*eyes, "vqa.image_size=[24,48]"))
    cropped, seen = (each.read_images([wide])[0] for each in (cropping, whole))
    assert cropped.shape == (3, 24, 24)
    assert cropped.unique().numel() == 3  # black, in three channels of their own scale
    assert seen.shape == (3, 24, 48)
    assert (seen[:, :, :5] > seen[:, :, -5:]).all()


def test_kept_pictures_of_another_size_are_others(
    make_vqa_spec: MakeVqaSpec, tiny_eyes: Path
) -> None:
    eyes = (f"vqa.image_encoder={tiny_eyes}", "strategies=[encoders]")
    places = [
        inputs_of(make_vqa_spec(*eyes, *size))[0](some("train"))["image_states"].shape[1]
        for size in ((), ("vqa.image_size=[24,48]",), ())
    ]
    assert places == [1 + 9, 1 + 18, 1 + 9]


def test_a_full_store_is_said_and_done_without(make_vqa_spec: MakeVqaSpec) -> None:
    little = ("strategies=[image_encoder]", "training.trunk_limit_gb=0.00005")
    inputs, _ = inputs_of(make_vqa_spec(*little))
    assert "pictures anew for every batch, since its hidden states need" in inputs.description
    assert "pixel_values" in inputs(some("test"))
    with pytest.raises(RequestError, match=r"training\.trunk=on, but for image_encoder .*pictures"):
        inputs_of(make_vqa_spec(*little, "training.trunk=on"))


def test_kept_pictures_are_what_the_processor_makes(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec()
    asked = read_questions(spec)
    _, processor = build_answerer(spec)
    shelf = kept_pixels(asked, processor, GIGABYTE)
    assert shelf.bytes == 40 * 3 * 32 * 32
    wanted = from_files(asked, processor)([5, 0, 7])
    assert torch.allclose(from_shelf(shelf, processor)([5, 0, 7]), wanted, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_pictures_come_in_their_order(tmp_path: Path, count: int) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    found = [[image.getpixel((0, 0))[0] for image in some] for some in read_ahead(paths, 4)]
    assert [number for batch in found for number in batch] == [*range(count)]
    assert all(len(batch) <= 4 for batch in found)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_an_epoch_has_every_row_once_and_pictures_together(pictures: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    sampler = PictureSampler(np.array(pictures))
    order = list(sampler)
    assert sorted(order) == [*range(len(pictures))]
    visited = [pictures[row] for row in order]
    changes = sum(a != b for a, b in pairwise(visited))
    assert changes == len(set(pictures)) - 1
    torch.manual_seed(seed)
    assert list(sampler) == order


def test_orders_differ_between_epochs() -> None:
    torch.manual_seed(0)
    sampler = PictureSampler(np.repeat(np.arange(30), 3))
    assert list(sampler) != list(sampler)
