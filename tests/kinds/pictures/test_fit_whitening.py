"""Whitening is fitted to the training pictures alone, the same from kept states and from pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kinds.pictures.answering_parts import MakeVqaSpec

from tasks.kinds.pictures import training as whitening
from tasks.kinds.pictures.building import build_answerer
from tasks.kinds.pictures.inputs import Inputs, prepare_inputs
from tasks.kinds.pictures.model.freezing import freeze_parts
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.questions import read_questions
from tasks.kinds.pictures.training import fit_whitening
from tasks.training.arms import ArmSpec

PRODUCT = "vqa.fusion=product"


def prepared(spec: ArmSpec) -> tuple[MultimodalModel, Inputs]:
    model, processor = build_answerer(spec)
    frozen = freeze_parts(model, str(spec.strategy)).parts
    return model, prepare_inputs(spec, model, processor, read_questions(spec), frozen)


@pytest.mark.parametrize("strategy", ["encoders", "text_encoder"])
def test_training_pictures_have_components_of_unit_variance(
    make_vqa_spec: MakeVqaSpec, strategy: str
) -> None:
    model, inputs = prepared(make_vqa_spec(PRODUCT, f"strategies=[{strategy}]"))
    model.train()
    fit_whitening(model, inputs, seed=0)
    assert model.training
    pictures = np.unique(inputs.asked.parts["train"].pictures)
    batch = inputs.pictures(pictures)
    model.eval()
    with torch.no_grad():
        states = batch.get("image_states")
        states = model.image_features(batch["pixel_values"]) if states is None else states
        found = model.whitening(states.float()).flatten(0, 1).double()
    strong = torch.cov(found.T, correction=0)[:8, :8]
    assert torch.allclose(strong, torch.eye(8).double(), atol=0.01)


def test_kept_states_and_pixels_fit_the_same(make_vqa_spec: MakeVqaSpec) -> None:
    maps = []
    for trunk in ("on", "off"):
        spec = make_vqa_spec(PRODUCT, "strategies=[encoders]", f"training.trunk={trunk}")
        model, inputs = prepared(spec)
        fit_whitening(model, inputs, seed=0)
        matrix = model.whitening.matrix[:, :8]
        maps.append(matrix * matrix.sum(0).sign())  # a direction may point either way
    assert torch.allclose(*maps, rtol=1e-2, atol=1e-2)


def test_a_sample_of_the_pictures_will_do(
    make_vqa_spec: MakeVqaSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whitening, "PICTURES", 5)
    model, inputs = prepared(make_vqa_spec(PRODUCT, "strategies=[encoders]"))
    seen: list[int] = []
    read = Inputs.pictures
    monkeypatch.setattr(
        Inputs, "pictures", lambda self, places: seen.extend(places) or read(self, places)
    )
    fit_whitening(model, inputs, seed=3)
    assert len(set(seen)) == len(seen) == 5
    assert set(seen) <= set(inputs.asked.parts["train"].pictures.tolist())
    again = list(seen)
    fit_whitening(model, inputs, seed=3)
    assert seen == again * 2


@pytest.mark.parametrize("changes", [("vqa.fusion=mean",), (PRODUCT, "vqa.sees=question")])
def test_who_needs_no_whitening_gets_none(
    make_vqa_spec: MakeVqaSpec, changes: tuple[str, ...], tmp_path: Path
) -> None:
    model, inputs = prepared(make_vqa_spec(*changes, "strategies=[encoders]"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit_whitening(model, inputs, seed=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
