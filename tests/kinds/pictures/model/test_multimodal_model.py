"""The joined model: what padding does, what is computed once, what survives a saved file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kinds.pictures.model.joined_parts import Joined
from transformers import AutoConfig

from tasks.kinds.pictures.model.building import load_joined
from tasks.kinds.pictures.model.model import IGNORED, MultimodalModel, masked_mean

Join = Callable[..., Joined]
FUSIONS = ("sequence", "mean", "product")


def generated(joined: Joined, beams: int, **changes: torch.Tensor) -> torch.Tensor:
    return joined.model.generate(**(joined.batch | changes), num_beams=beams, max_new_tokens=7)


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_saved_model_answers_the_same(
    join: Join, tmp_path: Path, fusion: str, beams: int
) -> None:
    joined = join(fusion=fusion)
    fit(joined.model, joined.batch["pixel_values"])
    joined.model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    again = Joined(load_joined(tmp_path), joined.processor, joined.batch)
    assert again.model.config.fusion == fusion
    assert torch.equal(generated(joined, beams), generated(again, beams))
    before, after = joined.model.state_dict(), again.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("beams", [1, 4])
def test_a_batch_answers_as_its_rows_alone(joined: Joined, beams: int) -> None:
    together = generated(joined, beams)
    assert len({tuple(row) for row in together.tolist()}) > 1
    for row in range(3):
        length = int(joined.batch["attention_mask"][row].sum())
        alone = joined.model.generate(
            input_ids=joined.batch["input_ids"][row : row + 1, :length],
            attention_mask=joined.batch["attention_mask"][row : row + 1, :length],
            pixel_values=joined.batch["pixel_values"][row : row + 1],
            num_beams=beams,
            max_new_tokens=7,
        )[0].tolist()
        pad = joined.model.config.pad_token_id
        assert together[row].tolist() == alone + [pad] * (together.shape[1] - len(alone))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_changes_nothing(join: Join, fusion: str) -> None:
    joined = join(fusion=fusion)
    labels = joined.processor.read_answers(["red", "no", "two stars"])
    longer = {
        "input_ids": torch.nn.functional.pad(joined.batch["input_ids"], (0, 5), value=7),
        "attention_mask": torch.nn.functional.pad(joined.batch["attention_mask"], (0, 5)),
    }
    plain = joined.model(**joined.batch, labels=labels)
    padded = joined.model(
        **(joined.batch | longer),
        labels=torch.nn.functional.pad(labels, (0, 3), value=IGNORED),
    )
    assert torch.allclose(plain.loss, padded.loss, atol=1e-5)
    width = labels.shape[1]
    real = labels != IGNORED
    assert torch.allclose(plain.logits[real], padded.logits[:, :width][real], atol=1e-4)


def test_question_picture_and_what_was_written_all_matter(joined: Joined) -> None:
    labels = joined.processor.read_answers(["red", "red", "red"])
    plain = joined.model(**joined.batch, labels=labels).logits
    other_picture = joined.batch | {"pixel_values": joined.batch["pixel_values"].flip(0)}
    moved = joined.model(**other_picture, labels=labels).logits
    assert not torch.allclose(plain[0], moved[0], atol=1e-3)
    asked = {name: joined.batch[name].flip(0) for name in ("input_ids", "attention_mask")}
    moved = joined.model(**(joined.batch | asked), labels=labels).logits
    assert not torch.allclose(plain[0], moved[0], atol=1e-3)
    changed = labels.clone()
    changed[:, 1] = 9
    moved = joined.model(**joined.batch, labels=changed).logits
    assert torch.allclose(plain[:, :2], moved[:, :2], atol=1e-5)  # no token sees a later one
    assert not torch.allclose(plain[:, 2], moved[:, 2], atol=1e-3)


def test_the_mean_is_that_of_the_real_tokens_and_the_patches(join: Join) -> None:
    model, batch = (joined := join(fusion="mean")).model, joined.batch
    memory = model.encode(**batch)
    text = model.text_encoder(batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    image = model.image_encoder(batch["pixel_values"])[0]
    text, image = model.text_norm(text), model.image_norm(image)
    for row in range(3):
        length = int(batch["attention_mask"][row].sum())
        of_text = torch.stack([model.text_projection(state) for state in text[row, :length]])
        of_image = torch.stack([model.image_projection(state) for state in image[row]])
        by_hand = (of_text.mean(0) + of_image.mean(0)) / 2
        assert torch.allclose(memory.states[row, 0], by_hand, atol=1e-5)
    assert memory.states.shape == (3, 1, 40)
    assert masked_mean(torch.ones(1, 2, 3), torch.zeros(1, 2)).tolist() == [[0, 0, 0]]


def fit(model: MultimodalModel, pixel_values: torch.Tensor) -> None:
    """Give the whitening of `product` something to do."""
    if model.whitening is not None:
        with torch.no_grad():
            model.whitening.fit(model.image_features(pixel_values).flatten(0, 1))


def test_the_product_scales_the_question_by_one_plus_the_picture(join: Join) -> None:
    model, batch = (joined := join(fusion="product")).model, joined.batch
    fit(model, batch["pixel_values"])
    memory = model.encode(**batch)
    text = model.text_norm(
        model.text_encoder(batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    )
    image = model.image_encoder(batch["pixel_values"])[0]
    for row in range(3):
        length = int(batch["attention_mask"][row].sum())
        of_text = model.text_projection(text[row, :length].mean(0)).double()
        whitened = torch.stack([model.whitening(state) for state in image[row]]).mean(0)
        features = torch.cat([whitened, model.image_norm(image[row, 0]) / 2])
        factor = 1 + model.image_projection(features)
        gelu = of_text * (1 + torch.erf(of_text / 2**0.5)) / 2
        assert torch.allclose(memory.states[row, 0], (gelu * factor).float(), atol=1e-4)
        assert not torch.allclose(factor, torch.ones(()), atol=0.01)
    assert memory.states.shape == (3, 1, 40)
    assert memory.mask.tolist() == [[1], [1], [1]]


def test_a_picture_that_says_nothing_leaves_the_question_as_it_is(join: Join) -> None:
    model, batch = (joined := join(fusion="product")).model, joined.batch
    asked = {name: batch[name] for name in ("input_ids", "attention_mask")}
    blind = model.encode(**asked, image_states=torch.zeros(3, 1, 48))
    text = model.text_norm(model.text_features(**asked))
    alone = model.text_projection(masked_mean(text, batch["attention_mask"]))
    assert torch.allclose(blind.states[:, 0], torch.nn.functional.gelu(alone), atol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("place", range(3))
def test_dropout_is_for_training_alone(join: Join, fusion: str, place: int) -> None:
    shares = tuple(0.5 * (place == number) for number in range(3))
    plain, joined = join(fusion=fusion).model, join(fusion=fusion, dropout=shares)
    dropping, batch = joined.model, joined.batch
    wanted = plain.encode(**batch).states
    assert torch.equal(dropping.encode(**batch).states, wanted)
    dropping.text_encoder.requires_grad_(False)  # frozen: they have no dropout of their own
    dropping.image_encoder.requires_grad_(False)
    torch.manual_seed(0)
    states = dropping.train().encode(**batch).states
    left_out = float((states == 0).float().mean())
    assert 0.35 < left_out < 0.65 if place == 2 else left_out == 0
    assert not torch.allclose(states, wanted, atol=1e-3)


@pytest.mark.parametrize("family", ["vit", "dinov2"])
def test_an_encoder_takes_pictures_of_another_size_and_shape(join: Join, family: str) -> None:
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    eyes = AutoConfig.for_model(family, image_size=24, patch_size=8, **sizes)
    model = join(image_encoder=eyes).model
    assert model.image_features(torch.zeros(2, 3, 24, 24)).shape == (2, 1 + 9, 48)
    assert model.image_features(torch.zeros(2, 3, 16, 40)).shape == (2, 1 + 10, 48)


def test_encoders_of_other_scales_weigh_the_same(joined: Joined) -> None:
    """DINOv2's states are four times MiniLM's: attention would lie on the larger alone."""
    model, batch = joined.model, joined.batch
    states = {
        "text_states": model.text_features(batch["input_ids"], batch["attention_mask"]),
        "image_states": model.image_features(batch["pixel_values"]),
    }
    mask = batch["attention_mask"]
    memory = model.encode(**states, attention_mask=mask).states
    louder = model.encode(
        **states | {"image_states": states["image_states"] * 100}, attention_mask=mask
    ).states
    assert torch.allclose(memory, louder, atol=1e-3)


def test_the_decoder_sees_every_token_and_patch(joined: Joined) -> None:
    memory = joined.model.encode(**joined.batch)
    tokens = joined.batch["input_ids"].shape[1]
    assert memory.states.shape == (3, tokens + 1 + 9, 40)  # [CLS] and 3 x 3 patches
    assert torch.equal(memory.mask[:, :tokens], joined.batch["attention_mask"])
    assert memory.mask[:, tokens:].all()


@pytest.mark.parametrize("beams", [1, 3])
def test_encoders_run_once_for_an_answer(join: Join, beams: int) -> None:
    joined, ran = join(), []
    for name in ("text_encoder", "image_encoder"):
        part = getattr(joined.model, name)
        part.register_forward_hook(lambda *_, name=name: ran.append(name))
    generated(joined, beams)
    assert sorted(ran) == ["image_encoder", "text_encoder"]


@pytest.mark.parametrize("beams", [1, 3])
def test_stored_states_stand_for_encoders(join: Join, beams: int) -> None:
    joined = join()
    model, batch = joined.model, joined.batch
    mask = batch["attention_mask"]
    with torch.no_grad():
        stored = {
            "text_states": model.text_features(batch["input_ids"], mask),
            "image_states": model.image_features(batch["pixel_values"]),
            "attention_mask": mask,
        }
    whole = generated(joined, beams)
    labels = joined.processor.read_answers(["red", "no", "two"])
    loss = model(**batch, labels=labels).loss
    model.text_encoder.forward = model.image_encoder.forward = None  # type: ignore[assignment]
    assert torch.equal(model.generate(**stored, num_beams=beams, max_new_tokens=7), whole)
    assert torch.equal(model(**stored, labels=labels).loss, loss)
    halved = stored | {"image_states": stored["image_states"].bfloat16()}
    assert torch.allclose(model(**halved, labels=labels).loss, loss, atol=0.05)


def test_the_loss_is_that_of_answers_and_their_end(joined: Joined) -> None:
    labels = joined.processor.read_answers(["red", "no", ""])
    ends = (labels == joined.model.config.eos_token_id).sum(1)
    assert ends.tolist() == [1, 1, 1]
    output = joined.model(**joined.batch, labels=labels)
    logs = output.logits.log_softmax(-1)
    by_hand = [
        -logs[row, place, token]
        for row, tokens in enumerate(labels.tolist())
        for place, token in enumerate(tokens)
        if token != IGNORED
    ]
    assert torch.allclose(output.loss, torch.stack(by_hand).mean(), atol=1e-5)
    accumulated = joined.model(**joined.batch, labels=labels, num_items_in_batch=2 * len(by_hand))
    assert torch.allclose(accumulated.loss, output.loss / 2)


def test_the_decoder_reads_the_begin_token_first(joined: Joined) -> None:
    labels = joined.processor.read_answers(["red", "", ""])
    moved = joined.model.moved_right(labels)
    begin, pad = joined.model.config.decoder_start_token_id, joined.model.config.pad_token_id
    assert moved[0].tolist() == [begin, *labels[0, :-1].tolist()]
    assert moved[1].tolist() == [begin, joined.model.config.eos_token_id, pad, pad]


def test_inputs_that_are_not_there_are_named(joined: Joined) -> None:
    with pytest.raises(ValueError, match="pixel_values or image_states"):
        joined.model.encode(joined.batch["input_ids"])
    with pytest.raises(ValueError, match="input_ids or text_states"):
        joined.model.encode(pixel_values=joined.batch["pixel_values"])
    with pytest.raises(ValueError, match="labels or decoder_input_ids"):
        joined.model(**joined.batch)
