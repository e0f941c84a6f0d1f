"""Small arms that answer questions about drawn scenes; nothing is fetched."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.training.arms import ArmSpec

MakeVqaSpec = Callable[..., "ArmSpec"]
SCENES = 40
TINY = {
    "image_size": 32,
    "patch_size": 8,
    "width": 32,
    "image_blocks": 1,
    "decoder_blocks": 2,
    "heads": 2,
}
OVERRIDES = (
    f"vqa.scenes={SCENES}",
    "vqa.scene_questions=4",
    *(f"vqa.small.{name}={value}" for name, value in TINY.items()),
    "training.precision=fp32",
    "training.learning_rate=3.0e-3",
    "training.batch_size=16",
    "training.epochs=3",
    "split.validation=0.2",
    "split.test=0.2",
    "evaluation.bootstrap=100",
)


def build_spec(text_encoder: Path, *overrides: str) -> "ArmSpec":
    """The first arm of the sample case under tiny settings; parts lie in the test's own store."""
    from tasks.config.loading import load_case
    from tasks.kinds.pictures.building import parts_digest
    from tasks.kinds.pictures.data.ingest import ingest_pictures
    from tasks.kinds.pictures.splitting import split_questions
    from tasks.training.arms import plan_arms

    given = [*OVERRIDES, f"vqa.text_encoder={text_encoder}", *overrides]
    config = load_case("vqa", "sample", given)
    found = ingest_pictures(config)
    (parts,), _ = split_questions(found.questions, config, found.left_out)
    return plan_arms(
        config, parts_digest(config), [], parts, sections=lambda made: {"vqa": made.vqa}
    )[0]


def save_eyes(folder: Path) -> Path:
    """A checkpoint of an image encoder: a ViT that crops its pictures, as DINOv2 does."""
    import torch
    from transformers import BitImageProcessor, ViTConfig, ViTModel

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(image_size=24, patch_size=8, intermediate_size=48, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ViTModel(config).save_pretrained(folder)
    crop = {"height": 24, "width": 24}
    BitImageProcessor(size={"shortest_edge": 28}, crop_size=crop).save_pretrained(folder)
    return folder
