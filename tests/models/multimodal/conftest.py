"""Joined models out of tiny random parts."""

from collections.abc import Callable
from typing import Any

import pytest
from models.multimodal.joined_parts import (
    IMAGE,
    QUESTIONS,
    Joined,
    decoder_config,
    image_config,
    text_config,
)
from tiny import bert_tokenizer, byte_tokenizer


@pytest.fixture(scope="session")
def join() -> Callable[..., Joined]:
    """Joins tiny parts; arguments of `join_models` replace them."""

    def build(**changes: Any) -> Joined:
        import torch

        from tasks.models.multimodal.building import join_models
        from tasks.models.multimodal.processing import MultimodalProcessor, image_processor
        from tasks.models.multimodal.tokens import with_answer_tokens

        answers = with_answer_tokens(byte_tokenizer("gpt2"))
        parts = {
            "text_encoder": text_config(),
            "image_encoder": image_config(),
            "decoder": decoder_config(),
        }
        model = join_models(answers=answers, **(parts | changes)).eval()
        processor = MultimodalProcessor(
            bert_tokenizer(), image_processor(image_config()), answers, answer_tokens=8
        )
        pixels = torch.randn(3, 3, IMAGE, IMAGE, generator=torch.Generator().manual_seed(0))
        batch = processor.read_questions(QUESTIONS) | {"pixel_values": pixels}
        return Joined(model, processor, batch)

    return build


@pytest.fixture(scope="session")
def joined(join: Callable[..., Joined]) -> Joined:
    """One that tests read and do not change."""
    return join()
