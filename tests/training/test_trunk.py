"""The frozen trunk gives exactly what the whole model gives, and costs one pass."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import BLOCKS, FAMILIES, WIDTH, MakeSpec
from torch import Tensor

from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.kinds.labels.training import LabelLearner
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.cutting import TailClassifier, read_states, tail_of
from tasks.models.loading import load_backbone
from tasks.training import hidden_store
from tasks.training.building import encode_part, load_trained
from tasks.training.freezing import freeze
from tasks.training.hidden_store import make_room, open_states, trunk_dir
from tasks.training.run import train_arm
from tasks.training.trunk_pass import token_batches

NO_LOG = lambda metrics, step: None  # noqa: E731
EXACT = {"precision": "fp32", "epochs": 2}
# Long enough that texts keep lengths of their own: a store that mixed up rows would show.
NO_DROPOUT = {"dropout": 0.0, "backbone_dropout": 0.0, "max_length": 96}


def classifier(folder: Path, pooling: str = "mean") -> TextClassifier:
    backbone = load_backbone(locate(str(folder)), dropout=0.0)
    head = HeadConfig(labels=3, pooling=pooling, dropout=0.0)  # type: ignore[arg-type]
    return TextClassifier(backbone, head, seed=3)


def random_batch(lengths: list[int], left: bool, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids, mask and multi-hot labels of (batch, longest)."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(lengths)
    ids = torch.ones(len(lengths), longest, dtype=torch.long)
    mask = torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, length in enumerate(lengths):
        place = slice(longest - length, longest) if left else slice(0, length)
        ids[row, place] = torch.randint(7, 60, (length,), generator=generator)
        mask[row, place] = 1
    labels = torch.randint(0, 2, (len(lengths), 3), generator=generator).float()
    return ids, mask, labels


def stored_states(model: TextClassifier, ids: Tensor, mask: Tensor, depth: int) -> list[Tensor]:
    """Each text's states at `depth`, computed alone and without any padding."""
    backbone, states = model.backbone.eval(), []
    with torch.no_grad():
        for row in range(len(ids)):
            real = mask[row].bool()
            batch = {"input_ids": ids[row, real][None], "attention_mask": mask[row, real][None]}
            found, _ = read_states(backbone, backbone, [depth], batch, end=False)
            states.append(found[depth][0])
    return states


def pad(states: list[Tensor], mask: Tensor) -> Tensor:
    hidden = torch.zeros(*mask.shape, states[0].shape[-1])
    for row, each in enumerate(states):
        hidden[row, mask[row].bool()] = each
    return hidden


@pytest.mark.parametrize("family", FAMILIES)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.sampled_from([1, 16]).flatmap(
        lambda size: st.lists(st.sampled_from([1, 2, 7, 40, 64]), min_size=size, max_size=size)
    ),
    left=st.booleans(),
    depth=st.integers(0, BLOCKS),
    pooling=st.sampled_from(["mean", "cls", "last"]),
    seed=st.integers(0, 2**16),
)
def test_the_tail_trains_exactly_as_the_whole_model(
    family: str,
    tiny: Callable[[str], Path],
    lengths: list[int],
    left: bool,
    depth: int,
    pooling: str,
    seed: int,
) -> None:
    """Loss at every step, and the final logits, on either padded side, lengths 1 to the longest."""
    whole, other = (classifier(tiny(family), pooling) for _ in range(2))
    named = f"freeze_{BLOCKS}" if depth == BLOCKS else f"last_{BLOCKS - depth}"
    for model in (whole, other):
        freeze(model, strategy(named))
    ids, mask, labels = random_batch(lengths, left, seed)
    hidden = pad(stored_states(other, ids, mask, depth), mask)
    tail = TailClassifier(other, depth)
    optimisers = [
        torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
        for model in (whole, tail)
    ]
    for _ in range(3):
        plain = whole(ids, mask, labels)
        cut = tail(hidden, mask, labels)
        assert cut["loss"].item() == pytest.approx(plain["loss"].item(), rel=1e-4)
        for output, optimiser in ((plain, optimisers[0]), (cut, optimisers[1])):
            optimiser.zero_grad()
            output["loss"].backward()
            optimiser.step()
    with torch.no_grad():
        expected = whole(ids, mask)["logits"]
        torch.testing.assert_close(tail(hidden, mask)["logits"], expected, atol=1e-4, rtol=1e-4)
        # The trained tail is the model: nothing is copied back.
        torch.testing.assert_close(other(ids, mask)["logits"], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_deeper_trunk_goes_on_from_a_shallower_one(
    family: str, tiny: Callable[[str], Path]
) -> None:
    model = classifier(tiny(family)).eval()
    ids, mask, _ = random_batch([5, 9, 1], left=False, seed=1)
    shallow, deep = (pad(stored_states(model, ids, mask, depth), mask) for depth in (1, 3))
    with torch.no_grad():
        batch = {"inputs_embeds": shallow, "attention_mask": mask}
        tail = tail_of(model.backbone, 1).eval()
        further = read_states(tail, model.backbone, [3], batch, end=False)[0][3]
    torch.testing.assert_close(further[mask.bool()], deep[mask.bool()], atol=1e-5, rtol=1e-5)


def test_shells_leave_the_model_as_it_is(tiny_bert: Path) -> None:
    model = classifier(tiny_bert)
    names = [name for name, _ in model.named_modules()]
    tail = tail_of(model.backbone, 3)
    assert [name for name, _ in model.named_modules()] == names
    shared = {id(parameter) for parameter in model.parameters()}
    assert all(id(parameter) in shared for parameter in tail.parameters())


@pytest.mark.parametrize("named", ["freeze_2", "last_1", "head"])
def test_an_arm_learns_the_same_with_and_without_the_trunk(make_spec: MakeSpec, named: str) -> None:
    """Through the Trainer, on the same rows in the same order: every logged loss agrees."""
    outcomes = {
        trunk: train_arm(
            make_spec(strategy=named, training=EXACT | {"trunk": trunk}, model=NO_DROPOUT),
            "run",
            LabelLearner,
            NO_LOG,
        )
        for trunk in ("on", "off")
    }
    on, off = outcomes["on"], outcomes["off"]
    spec = make_spec(strategy=named, training=EXACT, model=NO_DROPOUT)
    lengths = encode_part(spec, "train", locate(spec.model.base)).rows["length"]
    assert len(set(lengths)) > 5, "rows of one length would hide a store that mixes them up"
    assert on.trunk.startswith("on")
    assert off.trunk == "training.trunk=off"
    assert len(on.curve) == len(off.curve)
    for point, plain in zip(on.curve, off.curve, strict=True):
        for metric in ("train/loss", "val/loss"):
            if metric in plain.metrics:
                assert point.metrics[metric] == pytest.approx(plain.metrics[metric], rel=1e-4)
    probabilities = [
        np.stack(outcome.test.read()["probabilities"].to_list()) for outcome in (on, off)
    ]
    np.testing.assert_allclose(*probabilities, atol=1e-4)


def test_the_trained_arm_is_a_whole_model_again(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="last_1", training=EXACT)
    outcome = train_arm(spec, "run", LabelLearner, NO_LOG)
    _, model = load_trained(spec.folder)
    from tasks.models.classifier import to_probabilities
    from tasks.training.building import collator_for, encode_part
    from tasks.training.predicting import predict_logits

    located = locate(spec.model.base)
    part = encode_part(spec, "test", located)
    logits = predict_logits(model, part, collator_for(spec, located), batch_size=5)
    stored = np.stack(outcome.test.read()["probabilities"].to_list())
    np.testing.assert_allclose(to_probabilities(logits, spec.task), stored, atol=1e-5)


def test_one_pass_stores_every_depth_of_the_sweep(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.training import trunk

    passes: list[str] = []
    original = trunk.run_pass

    def counted(task: object) -> object:
        passes.append(task.title)  # type: ignore[attr-defined]
        return original(task)  # type: ignore[arg-type]

    monkeypatch.setattr(trunk, "run_pass", counted)
    depths = (1, 3, "pooled")
    for named in ("freeze_1", "last_1", "head"):
        train_arm(
            make_spec(strategy=named, training=EXACT), "run", LabelLearner, NO_LOG, depths=depths
        )
    assert passes == ["trunk over train", "trunk over validation", "trunk over test"]


def test_a_full_arm_and_padding_to_the_maximum_run_without_it(make_spec: MakeSpec) -> None:
    assert (
        train_arm(make_spec(strategy="full"), "run", LabelLearner, NO_LOG).trunk
        == "nothing is frozen"
    )
    padded = make_spec(strategy="freeze_2", training={"padding": "max"})
    assert "training.padding=max" in train_arm(padded, "run", LabelLearner, NO_LOG).trunk


def test_over_the_size_limit_the_arm_runs_without_it_and_says_why(make_spec: MakeSpec) -> None:
    tight = {"trunk_limit_gb": 1e-6}
    outcome = train_arm(make_spec(training=EXACT | tight), "run", LabelLearner, NO_LOG)
    assert "training.trunk_limit_gb allows" in outcome.trunk
    assert "cost/trunk_seconds" not in outcome.metrics
    with pytest.raises(RequestError, match=r"training\.trunk=on, but for freeze_2"):
        train_arm(make_spec(training=EXACT | tight | {"trunk": "on"}), "run", LabelLearner, NO_LOG)


def test_room_is_made_by_removing_what_was_used_longest_ago(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_arm(make_spec(strategy="freeze_1", training=EXACT), "run", LabelLearner, NO_LOG)
    entries = {path.parent.name for path in trunk_dir().glob("*/index.json")}
    used = sum(path.stat().st_size for path in trunk_dir().glob("*/states.bin"))
    kept = sorted(entries)[0]
    assert make_room(100, used, keep={kept}) is None
    left = {path.parent.name for path in trunk_dir().glob("*/index.json")}
    assert kept in left < entries
    full_disk = type("Usage", (), {"free": 10})
    monkeypatch.setattr(hidden_store.shutil, "disk_usage", lambda _: full_disk)
    assert "GB are free" in str(make_room(100, 10**9, keep=set()))


@pytest.mark.parametrize("damage", ["truncate", "foreign", "no index"])
def test_a_damaged_entry_is_detected_and_rebuilt(make_spec: MakeSpec, damage: str) -> None:
    first = train_arm(make_spec(training=EXACT), "run", LabelLearner, NO_LOG)
    for entry in trunk_dir().glob("*/states.bin"):
        content = entry.read_bytes()
        if damage == "truncate":
            entry.write_bytes(content[:-8])
        elif damage == "foreign":
            entry.write_bytes(bytes(len(content)))
        else:
            (entry.parent / "index.json").unlink()
        assert open_states(entry.parent.name) is None
    again = train_arm(make_spec(training=EXACT), "run", LabelLearner, NO_LOG, force=True)
    assert again.trunk == first.trunk
    assert again.metrics["test/loss"] == pytest.approx(first.metrics["test/loss"], abs=1e-6)


def test_a_killed_pass_leaves_nothing_that_is_read(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.training import trunk_pass

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trunk_pass.StatesWriter, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_arm(make_spec(training=EXACT), "run", LabelLearner, NO_LOG)
    assert not list(trunk_dir().glob("*/index.json"))
    assert train_arm(make_spec(training=EXACT), "run", LabelLearner, NO_LOG).trunk.startswith("on")


def test_two_arms_that_need_the_same_states_build_them_once(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits for the first and reads what it wrote."""
    from tasks.training import trunk
    from tasks.training.building import build_model, collator_for, encode_part

    spec = make_spec(training=EXACT)
    located = locate(spec.model.base)
    parts = {name: encode_part(spec, name, located) for name in trunk.PARTS}
    passes: list[int] = []
    original = trunk.run_pass

    def counted(task: object) -> object:
        passes.append(threading.get_ident())
        return original(task)  # type: ignore[arg-type]

    monkeypatch.setattr(trunk, "run_pass", counted)
    found: list[object] = []

    def build() -> None:
        model = build_model(spec, located)
        found.append(trunk.use_trunk(spec, model, parts, (), collator_for(spec, located)))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passes) == len(trunk.PARTS)
    assert all(isinstance(each, trunk.Trunk) for each in found)


def test_states_are_stored_unpadded_in_half_precision_when_the_arm_computes_in_it(
    make_spec: MakeSpec,
) -> None:
    train_arm(make_spec(training={"precision": "bf16", "epochs": 1}), "run", LabelLearner, NO_LOG)
    for index in trunk_dir().glob("*/index.json"):
        content = json.loads(index.read_text())
        assert content["dtype"] == "bfloat16"
        size = (index.parent / "states.bin").stat().st_size
        assert size == sum(content["lengths"]) * WIDTH * 2


@given(lengths=st.lists(st.integers(1, 9000), min_size=1, max_size=60))
def test_batches_cover_every_row_once_and_stay_below_the_budget(lengths: list[int]) -> None:
    array = np.array(lengths)
    order = hidden_store.storage_order(array)
    batches = list(token_batches(array, order, torch.device("cpu")))
    assert np.concatenate(batches).tolist() == order.tolist()
    for batch in batches:
        assert len(batch) == 1 or len(batch) * array[batch].max() <= 4096
