"""Small new parts: a tokenizer of the answers' words, and a model that learns to look."""

import random
from pathlib import Path

import pytest
import torch
from kinds.pictures.model.joined_parts import Joined, text_config
from tiny import bert_tokenizer

from tasks.kinds.pictures.model.answering import answer_batch
from tasks.kinds.pictures.model.building import join_models
from tasks.kinds.pictures.model.processing import MultimodalProcessor, image_processor
from tasks.kinds.pictures.model.small import small_decoder, small_image_encoder, word_tokenizer
from tasks.kinds.pictures.scenes.scene_world import Scene, Thing
from tasks.kinds.pictures.scenes.scenes import draw_scene

HUES = {"red": 0.0, "green": 125.0, "blue": 218.0}


def test_words_of_the_answers_come_back(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = word_tokenizer(["Yes", "traffic light", "don't know", "light blue"])
    tokenizer.save_pretrained(tmp_path)
    for found in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        ids = found("light don't", add_special_tokens=False)["input_ids"]
        assert found.decode(ids, skip_special_tokens=True) == "light don't"
        assert found("emu", add_special_tokens=False)["input_ids"] == [found.unk_token_id]
        special = {found.pad_token_id, found.bos_token_id, found.eos_token_id, found.unk_token_id}
        assert len(special) == 4
    assert len(word_tokenizer(["a b", "a c"], most=1)) == len(word_tokenizer(["a"]))


@pytest.fixture
def looking() -> Joined:
    """A small model, and pictures of one thing in three colours with one question."""
    answers = word_tokenizer(HUES)
    eyes = small_image_encoder(image_size=32, width=32, blocks=1)
    decoder = small_decoder(answers, width=32, blocks=1)
    model = join_models(text_config(), eyes, decoder, answers)
    processor = MultimodalProcessor(bert_tokenizer(), image_processor(eyes), answers)
    chance = random.Random(0)  # noqa: S311 - pictures are no secret
    scenes = [
        Scene((Thing("circle", name, hue, chance.uniform(0.2, 0.8), 0.5, 0.15, 0),), "white")
        for name, hue in HUES.items()
        for _ in range(8)
    ]
    pixels = processor.read_images([draw_scene(scene, chance) for scene in scenes])
    questions = processor.read_questions(["What is its color?"] * len(scenes))
    return Joined(model, processor, questions | {"pixel_values": pixels})


def test_a_small_model_learns_to_look(looking: Joined) -> None:
    """Every question is the same, so that the answers can only come from the pictures."""
    wanted = [name for name in HUES for _ in range(8)]
    labels = looking.processor.read_answers(wanted)
    train = torch.optim.AdamW(looking.model.parameters(), lr=3e-3)
    looking.model.train()
    for _ in range(80):
        looking.model(**looking.batch, labels=labels).loss.backward()
        train.step()
        train.zero_grad()
    said = answer_batch(looking.model, looking.processor, looking.batch, 4)
    assert sum(a.text == b for a, b in zip(said, wanted, strict=True)) >= 22
    blind = looking.batch | {"pixel_values": torch.zeros_like(looking.batch["pixel_values"])}
    assert len({a.text for a in answer_batch(looking.model, looking.processor, blind, 4)}) == 1
