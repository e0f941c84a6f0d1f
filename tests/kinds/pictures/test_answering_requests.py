"""What a case about pictures cannot do, each refused in a sentence before anything is trained."""

from pathlib import Path

import pytest
import torch
from kinds.pictures.answering_parts import MakeVqaSpec
from PIL import Image
from transformers import ResNetConfig, ResNetModel, ViTModel

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.pictures.building import build_answerer, parts_digest
from tasks.kinds.pictures.checking import check_decoder, check_pictures


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("training.padding=max", "training.padding=max has no effect in vqa"),
        ("training.backend=hosted", "hosted models are sent texts alone"),
        ("model.backbone_dropout=0.1", r"model\.backbone_dropout has no effect"),
        ("split.rows.train=50", r"use vqa\.max_images and vqa\.max_questions"),
        ("evaluation.primary=test/loss", r"cannot decide which model stands: use one of test/vqa"),
        ("vqa.sees=question", r"set registry\.enabled=false, or vqa\.sees=both"),
    ],
)
def test_what_has_no_meaning_here_is_refused(override: str, wanted: str) -> None:
    with pytest.raises(RequestError, match=wanted):
        check_pictures(load_case("vqa", "sample", [override]))


def test_the_shipped_profiles_are_not_refused(tiny_gpt2: Path) -> None:
    check_pictures(load_case("vqa"))
    check_pictures(load_case("vqa", "book", [f"model.base={tiny_gpt2}"]))
    check_decoder(load_case("vqa", "book", [f"model.base={tiny_gpt2}"]))


def test_answers_have_to_fit_into_the_decoder(tiny_gpt2: Path) -> None:
    long = [f"model.base={tiny_gpt2}", "vqa.max_answer=192"]
    with pytest.raises(RequestError, match="does not fit into the 192 positions"):
        check_decoder(load_case("vqa", "sample", long))


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (["strategies=[full]"], "strategy full does not go with task vqa: use nothing, text_enc"),
        (["strategies=[encoder]"], "'encoder' is no strategy"),
        (["vqa.small.heads=5"], "width 96 cannot be divided by 5 heads"),
        (["vqa.small.patch_size=7"], "image_size 72 is no multiple of patch_size 7"),
        (["vqa.consensus=2"], r"vqa\.consensus: .*less than or equal to 1"),
        (["vqa.max_image=5"], r"did you mean vqa\.max_images\?"),
        (["grid.vqa.fusion=[sum]"], "'sequence', 'mean' or 'product'"),
        (["vqa.image_size=[32,40]"], r"the small one are scaled to vqa\.small\.image_size"),
        (["vqa.image_encoder=eyes", "vqa.image_size=[32]"], r"vqa\.image_size"),
        (["vqa.image_encoder=eyes", "vqa.image_size=[0,32]"], "greater than or equal to 1"),
        (["vqa.dropout.image=1"], r"vqa\.dropout\.image: .*less than 1"),
    ],
)
def test_wrong_values_say_what_would_be_right(overrides: list[str], wanted: str) -> None:
    with pytest.raises(RequestError, match=wanted):
        load_case("vqa", "sample", overrides)


def test_other_tasks_know_no_parts() -> None:
    with pytest.raises(RequestError, match="strategy encoders does not go with task multi_label"):
        load_case("genre", "sample", ["strategies=[encoders]"])


def test_a_part_that_is_not_there_names_its_field(tiny_bert: Path) -> None:
    for field in ("vqa.text_encoder", "vqa.image_encoder", "model.base"):
        given = [f"vqa.text_encoder={tiny_bert}", f"{field}=nowhere"]
        with pytest.raises(RequestError, match=f"{field}=nowhere is neither a name"):
            parts_digest(load_case("vqa", "sample", given))


def test_an_encoder_without_a_hidden_size_is_refused(
    make_vqa_spec: MakeVqaSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "resnet"
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])
    ResNetModel(config).save_pretrained(folder)
    spec = make_vqa_spec()
    assert spec.vqa is not None
    spec = spec.model_copy(
        update={"vqa": spec.vqa.model_copy(update={"image_encoder": str(folder)})}
    )
    with pytest.raises(RequestError, match="has no hidden size"):
        build_answerer(spec)


def test_a_size_of_pictures_has_to_suit_the_encoder(
    make_vqa_spec: MakeVqaSpec, tiny_eyes: Path
) -> None:
    eyes = f"vqa.image_encoder={tiny_eyes}"
    with pytest.raises(RequestError, match=r"patches of 8 pixels.*: use \[16,40\]"):
        build_answerer(make_vqa_spec(eyes, "vqa.image_size=[18,41]"))
    model, processor = build_answerer(make_vqa_spec(eyes, "vqa.image_size=[16,40]"))
    assert model.image_features(processor.read_images([Image.new("RGB", (90, 30))])).shape[1] == 11


def test_an_encoder_of_one_size_says_so(
    make_vqa_spec: MakeVqaSpec, tiny_eyes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fixed(self: ViTModel, pixel_values: torch.Tensor) -> None:
        raise ValueError("Input image size (16*40) doesn't match model (24*24).")

    monkeypatch.setattr(ViTModel, "forward", fixed)
    with pytest.raises(RequestError, match=r"takes no pictures of 16x40 pixels: Input image size"):
        build_answerer(make_vqa_spec(f"vqa.image_encoder={tiny_eyes}", "vqa.image_size=[16,40]"))


def test_a_decoder_without_cross_attention_is_refused(
    make_vqa_spec: MakeVqaSpec, tiny_llama: Path
) -> None:
    with pytest.raises(RequestError, match="cannot take cross-attention"):
        build_answerer(make_vqa_spec(f"model.base={tiny_llama}"))
