"""The page of pictures, questions and answers: which rows it shows, and that it loads nothing."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from kinds.pictures.model.joined_parts import QUESTIONS, build_joined, image_config
from kinds.pictures.picture_parts import content, picture
from PIL import Image

from tasks.evaluation.calibration import bins_of
from tasks.kinds.pictures.model.processing import image_processor
from tasks.kinds.pictures.picture_attention import Look, look
from tasks.kinds.pictures.picture_page import choose_rows, picture_page

TYPES = ("yes/no", "number", "other")


def scored_frame(sizes: dict[tuple[str, bool], int]) -> pd.DataFrame:
    """So many rows of an answer type that are right, or wrong."""
    rows = [(kind, right) for (kind, right), size in sizes.items() for _ in range(size)]
    confidence = np.random.default_rng(0).random(len(rows))
    return pd.DataFrame(
        {
            "id": [f"q{number}" for number in range(len(rows))],
            "image": [f"picture{number % 4}" for number in range(len(rows))],
            "question": [f"what is <number> {number}?" for number in range(len(rows))],
            "answer_type": [kind for kind, _ in rows],
            "given": ["red" if right else "" for _, right in rows],
            "confidence": confidence,
            "truth": ["red"] * len(rows),
            "answers": [["red"] * 7 + ["dark red"] * 3] * len(rows),
            "score:vqa_accuracy": [1.0 if right else 1 / 3 for _, right in rows],
        }
    )


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Two photos, a damaged one; of the fourth there is no file."""
    for number, colour in enumerate(("red", "blue")):
        (tmp_path / f"{number}.jpg").write_bytes(content(picture(colour), "JPEG"))
    (tmp_path / "2.jpg").write_bytes(b"damaged")
    return {f"picture{number}": tmp_path / f"{number}.jpg" for number in range(4)}


def test_right_and_wrong_of_each_type_are_balanced() -> None:
    frame = scored_frame({(kind, right): 100 for kind in TYPES for right in (True, False)})
    chosen = choose_rows(frame, 60)
    right = chosen["score:vqa_accuracy"] >= 0.5
    assert set(chosen.groupby(["answer_type", right]).size()) == {10}
    assert chosen["id"].is_unique
    for _, cell in chosen.groupby(["answer_type", right], sort=False):
        assert cell["confidence"].is_monotonic_decreasing
        assert cell["confidence"].max() - cell["confidence"].min() > 0.8
    assert choose_rows(frame.sample(frac=1, random_state=1), 60)["id"].tolist() == (
        chosen["id"].tolist()
    )


def test_what_is_rare_leaves_its_place_to_the_others() -> None:
    frame = scored_frame({("number", True): 2, ("number", False): 40, ("other", True): 40})
    sizes = choose_rows(frame, 30).groupby("answer_type").size()
    assert sizes.to_dict() == {"number": 16, "other": 14}
    assert len(choose_rows(frame, 500)) == len(frame)


class _Page(HTMLParser):
    """Attributes of every element, and what stands in between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_holds_everything_and_loads_nothing(images: dict[str, Path]) -> None:
    frame = scored_frame({(kind, right): 4 for kind in TYPES for right in (True, False)})
    page = picture_page(frame, images, "Pictures & <questions>", temperature=1.6)
    read = _Page(page)
    addresses = [str(each["src"]) for each in read.all("img")]
    assert all(address.startswith("data:image/") for address in addresses)
    assert all(each.get("alt") for each in read.all("img"))
    assert not re.search(r"https?://|<script|<link|@import|url\((?!#)", page)
    assert page.count('<svg role="img" aria-label="') == 1  # the calibration's
    shown = frame["image"].isin(["picture0", "picture1"]).sum()
    assert len(addresses) == shown
    assert read.text.count("The picture cannot be read.") == len(frame) - shown
    assert "Pictures & <questions>" in read.text
    assert "what is <number> 3?" in read.text
    assert "red 7, dark red 3" in read.text
    assert "(no answer)" in read.text
    assert "VQA accuracy of all: 0.667" in read.text
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[1:] == [f"{k}: {w}" for k in sorted(TYPES) for w in ("right", "wrong")]


def test_answers_alone_make_a_page(images: dict[str, Path]) -> None:
    """One answer type, all of them wrong, no annotators, nothing calibrated."""
    frame = scored_frame({("number", False): 3}).drop(columns="answers")
    page = picture_page(frame, images, "Numbers")
    assert re.findall(r"<h2>(.*?)</h2>", page)[1:] == ["number: wrong"]
    assert "annotators" not in _Page(page).text


@pytest.fixture(scope="module")
def looks() -> list[Look]:
    joined = build_joined()
    pictures = [picture(colour) for colour in ("red", "blue", "green")]
    return look(joined.model, joined.processor, QUESTIONS, pictures, ["red", "", "two"])


def test_a_look_adds_up_to_all_of_the_attention(looks: list[Look]) -> None:
    for each, question in zip(looks, QUESTIONS, strict=True):
        shares = [share for _, share in each.words]
        assert each.question == question
        assert each.on_picture + sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert "[PAD]" not in [word for word, _ in each.words]
        assert 0 < each.on_picture < 1


def test_an_overlay_is_the_picture_and_darker(looks: list[Look]) -> None:
    first, overlay = (
        np.asarray(Image.open(io.BytesIO(png))).astype(int)
        for png in (looks[0].picture, looks[0].overlay)
    )
    assert first.shape == overlay.shape == (240, 240, 3)
    assert (overlay <= first).all()
    assert overlay.std() > 0
    red = first[120, 50]  # as the encoder sees it, scaled to a square
    assert red[0] > 200
    assert red[1] < 60
    brightness = overlay.sum(2) / np.maximum(first.sum(2), 1)
    assert 0.95 < brightness.max() <= 1


def test_looking_leaves_the_model_as_it_was() -> None:
    joined = build_joined()
    joined.model.set_attn_implementation("sdpa")
    joined.model.train()
    before = {name: value.clone() for name, value in joined.model.state_dict().items()}
    look(joined.model, joined.processor, QUESTIONS[:1], [picture("red")], ["red"])
    assert joined.model.training
    assert joined.model.decoder.config._attn_implementation == "sdpa"
    assert all(torch.equal(value, before[n]) for n, value in joined.model.state_dict().items())


def test_a_wide_picture_is_drawn_wide() -> None:
    joined = build_joined()
    images = image_processor(image_config())
    images.size = {"height": 16, "width": 40}
    wide = replace(joined.processor, images=images)
    (found,) = look(joined.model, wide, QUESTIONS[:1], [picture("red")], ["red"])
    for png in (found.picture, found.overlay):
        assert Image.open(io.BytesIO(png)).size == (240, 96)


@pytest.mark.parametrize("fusion", ["mean", "product"])
def test_with_one_place_there_is_nothing_to_look_at(fusion: str) -> None:
    joined = build_joined(fusion=fusion)
    assert look(joined.model, joined.processor, QUESTIONS[:1], [picture("red")], ["red"]) == []


def test_looks_are_on_the_page(looks: list[Look], images: dict[str, Path]) -> None:
    page = _Page(picture_page(scored_frame({("other", True): 2}), images, "Looks", looks=looks))
    assert len(page.all("img")) == 2 * len(looks) + 2
    assert "Where the model looked" in page.text
    assert f"{looks[0].on_picture:.0%}" in page.text


def test_bins_say_how_far_confidence_is_off() -> None:
    bins = bins_of(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1.0, 0.5, 0.0, 0.2]))
    assert bins.rows.tolist() == [2, 2]
    assert bins.accuracy.tolist() == pytest.approx([0.1, 0.75])
    assert bins.error == pytest.approx(0.075)
