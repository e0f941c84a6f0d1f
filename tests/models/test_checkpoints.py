"""A user's own checkpoints: adapters, sentence-transformers, GGUF files, shards."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    T5EncoderModel,
)

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.texts import on_bases
from tasks.models.base_models import context_of, locate
from tasks.models.loading import load_backbone, load_tokenizer

IDS = torch.tensor([[10, 11, 12, 13]])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))


def adapted(base: Path, folder: Path, kind: type, task: str, **options: int) -> torch.nn.Module:
    """An adapter with weights that matter, saved by PEFT; returns the model with it."""
    model = kind.from_pretrained(base, **options)  # type: ignore[attr-defined]
    config = LoraConfig(r=2, target_modules="all-linear", task_type=task)
    wrapped = get_peft_model(model, config)
    with torch.no_grad():
        for name, value in wrapped.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.2)
    wrapped.save_pretrained(folder)
    return wrapped.eval()


@pytest.mark.parametrize(
    ("family", "kind", "task", "options"),
    [
        ("bert", AutoModel, "FEATURE_EXTRACTION", {}),
        ("bert", AutoModelForSequenceClassification, "SEQ_CLS", {"num_labels": 5}),
        ("llama", AutoModelForCausalLM, "CAUSAL_LM", {}),
    ],
)
def test_an_adapter_is_merged_into_its_base_model(
    family: str,
    kind: type,
    task: str,
    options: dict[str, int],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    base = request.getfixturevalue(f"tiny_{family}")
    whole = adapted(base, tmp_path / "adapter", kind, task, **options)
    inner = whole.base_model.model  # type: ignore[union-attr]
    wanted = getattr(inner, "base_model", inner)(input_ids=IDS)[0]
    located = locate(str(tmp_path / "adapter"))
    backbone = load_backbone(located).eval()
    torch.testing.assert_close(backbone(input_ids=IDS)[0], wanted, atol=5e-5, rtol=1e-4)
    assert load_tokenizer(located)("a ghost")["input_ids"]
    assert locate(str(tmp_path / "adapter")) == located
    assert located.digest != locate(str(base)).digest


def test_an_adapter_of_virtual_tokens_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    config = PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=2)
    get_peft_model(AutoModel.from_pretrained(tiny_bert), config).save_pretrained(tmp_path / "a")
    with pytest.raises(RequestError, match=r"virtual tokens .*prompt_<n>"):
        locate(str(tmp_path / "a"))


def test_an_adapter_of_another_model_is_a_sentence(
    tiny_bert: Path, tiny_llama: Path, tmp_path: Path
) -> None:
    adapted(tiny_bert, tmp_path / "a", AutoModel, "FEATURE_EXTRACTION")
    told = tmp_path / "a" / "adapter_config.json"
    config = json.loads(told.read_text())
    told.write_text(json.dumps(config | {"base_model_name_or_path": str(tiny_llama)}))
    with pytest.raises(RequestError, match="cannot be merged into its base model"):
        locate(str(tmp_path / "a"))
    told.write_text(json.dumps(config | {"base_model_name_or_path": None}))
    with pytest.raises(RequestError, match="does not say which base model"):
        locate(str(tmp_path / "a"))


def sentences(
    folder: Path,
    base: Path,
    pooling: dict[str, bool],
    kinds: tuple[str, ...] = ("Transformer", "Pooling", "Normalize"),
) -> Path:
    shutil.copytree(base, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, **pooling})
    )
    places = {"Transformer": "", "Pooling": "1_Pooling"}
    modules = [
        {
            "idx": n,
            "name": str(n),
            "path": places.get(kind, f"{n}_{kind}"),
            "type": f"sentence_transformers.models.{kind}",
        }
        for n, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    return folder


def test_a_sentence_transformer_brings_its_pooling_and_length(
    tiny_bert: Path, tmp_path: Path
) -> None:
    pooling = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    located = locate(str(sentences(tmp_path / "st", tiny_bert, pooling)))
    assert (located.pooling, context_of(located)) == ("mean", 64)
    assert locate(str(tiny_bert)).digest == located.digest


def test_what_stands_behind_a_pooling_is_left_out_and_said(tiny_bert: Path, tmp_path: Path) -> None:
    pooling, kinds = {"pooling_mode_mean_tokens": True}, ("Transformer", "Pooling", "Dense")
    located = locate(str(sentences(tmp_path / "st", tiny_bert, pooling, kinds)))
    assert located.left_out == ("Dense",)
    case = load_case("genre", "sample", [f"model.base={located.name}"])
    assert on_bases(case).params["left out of the base model"] == "Dense"


@pytest.mark.parametrize(
    "kinds", [("Transformer", "WeightedLayerPooling", "Pooling"), ("Router", "Transformer")]
)
def test_what_stands_before_a_pooling_is_refused(
    kinds: tuple[str, ...], tiny_bert: Path, tmp_path: Path
) -> None:
    pooling = {"pooling_mode_mean_tokens": True}
    with pytest.raises(RequestError, match=f"holds the modules {', '.join(kinds)}, and what is"):
        locate(str(sentences(tmp_path / "st", tiny_bert, pooling, kinds)))


def test_a_pooling_that_no_head_reads_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}
    with pytest.raises(RequestError, match="pools by pooling_mode_max_tokens"):
        locate(str(sentences(tmp_path / "st", tiny_bert, pooling)))


def test_modules_outside_of_their_folder_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    folder = sentences(tmp_path / "st", tiny_bert, {"pooling_mode_mean_tokens": True})
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "../../elsewhere"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(RequestError, match="outside of its folder"):
        locate(str(folder))


def test_a_change_in_any_shard_is_another_model(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, folder := tmp_path / "shards")
    AutoModel.from_pretrained(tiny_bert).save_pretrained(folder, max_shard_size="60KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    before = locate(str(folder)).digest
    shard = sorted(folder.glob("model-*.safetensors"))[-1]
    state = load_file(shard)
    state[min(state)] += 1
    save_file(state, shard, metadata={"format": "pt"})
    assert locate(str(folder)).digest != before
    shard.unlink()
    with pytest.raises(RequestError, match="lacks model-"):
        locate(str(folder))


def test_a_gguf_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"not a model")
    with pytest.raises(RequestError, match=r"GGUF file .*mine\.gguf cannot be read"):
        locate(str(tmp_path / "mine.gguf"))


def test_an_adapter_that_names_no_task_is_merged_under_the_head_it_was_trained_with(
    tmp_path: Path, tiny_writer: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_writer)
    whole = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, value in whole.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.2)
    whole.save_pretrained(tmp_path / "a")
    wanted = whole.eval().base_model.model.model(input_ids=IDS)[0]  # type: ignore[union-attr]
    backbone = load_backbone(locate(str(tmp_path / "a"))).eval()
    torch.testing.assert_close(backbone(input_ids=IDS)[0], wanted, atol=5e-5, rtol=1e-4)


def test_tokens_that_were_added_for_an_adapter_have_their_rows(
    tmp_path: Path, tiny_llama: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    rows = model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(rows + 5)
    config = LoraConfig(
        r=2,
        target_modules=["q_proj"],
        modules_to_save=["embed_tokens", "lm_head"],
        task_type="CAUSAL_LM",
    )
    whole = get_peft_model(model, config)
    with torch.no_grad():
        for value in whole.parameters():
            if value.requires_grad:
                value.normal_(std=0.2)
    whole.save_pretrained(tmp_path / "a")
    ids = torch.tensor([[10, rows + 4, 12]])
    wanted = whole.eval().base_model.model.model(input_ids=ids)[0]  # type: ignore[union-attr]
    backbone = load_backbone(locate(str(tmp_path / "a"))).eval()
    torch.testing.assert_close(backbone(input_ids=ids)[0], wanted, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("fault", ["lacks", "has .* for which there is no place"])
def test_an_adapter_that_does_not_fit_is_not_filled_up_with_random_numbers(
    fault: str, tiny_bert: Path, tmp_path: Path
) -> None:
    adapted(tiny_bert, tmp_path / "a", AutoModel, "FEATURE_EXTRACTION")
    file = tmp_path / "a" / "adapter_model.safetensors"
    state = load_file(file)
    name = next(name for name in sorted(state) if "layer.0." in name and "lora_A" in name)
    if fault == "lacks":
        del state[name]
    else:
        state[name.replace("layer.0.", "layer.9.")] = state[name].clone()
    save_file(state, file)
    with pytest.raises(RequestError, match=f"{fault}.* was not saved whole"):
        locate(str(tmp_path / "a"))


def test_an_adapter_of_itself_is_a_sentence(tiny_bert: Path, tmp_path: Path) -> None:
    adapted(tiny_bert, tmp_path / "a", AutoModel, "FEATURE_EXTRACTION")
    told = tmp_path / "a" / "adapter_config.json"
    config = json.loads(told.read_text()) | {"base_model_name_or_path": str(tmp_path / "a")}
    told.write_text(json.dumps(config))
    with pytest.raises(RequestError, match="base model is the adapter itself"):
        locate(str(tmp_path / "a"))


@pytest.mark.parametrize("told", ["{", '{"a": 1}', "[1]"])
def test_a_list_of_modules_that_is_none_is_a_sentence(
    told: str, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = sentences(tmp_path / "st", tiny_bert, {"pooling_mode_mean_tokens": True})
    (folder / "modules.json").write_text(told)
    with pytest.raises(RequestError, match="is no list of modules"):
        locate(str(folder))


def test_an_encoder_that_was_saved_without_its_decoder_is_a_base_model(
    tmp_path: Path, tiny_t5: Path
) -> None:
    encoder = T5EncoderModel.from_pretrained(tiny_t5).eval()
    encoder.save_pretrained(tmp_path / "encoder")
    load_tokenizer(locate(str(tiny_t5))).save_pretrained(tmp_path / "encoder")
    backbone = load_backbone(locate(str(tmp_path / "encoder"))).eval()
    torch.testing.assert_close(backbone(input_ids=IDS)[0], encoder(input_ids=IDS)[0])


def test_a_sentence_transformer_that_lacks_its_poolings_file_says_which(
    tiny_bert: Path, tmp_path: Path
) -> None:
    folder = sentences(tmp_path / "st", tiny_bert, {"pooling_mode_mean_tokens": True})
    shutil.rmtree(folder / "1_Pooling")
    with pytest.raises(RequestError, match=r"1_Pooling/config\.json, which says how, is missing"):
        locate(str(folder))
