"""Two texts as a pair: from the template to what the base model reads, and through the trunk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from packages import label_package
from pydantic import ValidationError
from tiny import MakeSpec
from transformers import AutoModel, AutoTokenizer

from tasks.config import DataConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.ingestion.prepare import prepare
from tasks.kinds.labels.training import LabelLearner
from tasks.kinds.texts import on_bases
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.registry.asked import model_inputs
from tasks.storage import put_table
from tasks.texts import PAIR
from tasks.training.batching import token_rows
from tasks.training.run import train_arm

NO_LOG = lambda metrics, step: None  # noqa: E731
FIRST = ["a ghost walks", "the keeper " * 30, "war"]
SECOND = ["by night", "a ghost and the keeper", "the ghost " * 30]
WHOLE = [PAIR.join(pair) for pair in zip(FIRST, SECOND, strict=True)]
PAIRED = {"required": ("q", "a", "label"), "text": ("{q}", "{a}"), "pair": True, "text_role": "q"}
DATA = DataConfig(path=Path("x.csv"), label_role="label", **PAIRED)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("length", [12, 128])
def test_a_pair_is_read_in_the_tokenizer_s_own_form(
    family: str, length: int, tiny: Callable[[str], Path]
) -> None:
    folder = tiny(family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    own = tokenizer(FIRST, SECOND, truncation=True, max_length=length)
    found, longer = token_rows(WHOLE, load_tokenizer(locate(str(folder))), length)
    assert found["input_ids"] == own["input_ids"]
    assert found.get("token_type_ids") == own.get("token_type_ids")
    assert longer == sum(len(ids) > length for ids in tokenizer(FIRST, SECOND)["input_ids"])


def test_rows_come_to_pairs_and_half_a_pair_to_no_example() -> None:
    rows = {"row": [1, 2, 3], "id": ["a", "b", "c"], "q": ["Why\nnot?", "So?", None]}
    frame = pd.DataFrame({**rows, "a": ["Yes.", None, "No."], "label": ["x", "y", "x"]})
    texts = prepare(put_table(frame, "pairs"), DATA).read()["text"].tolist()
    assert texts[0] == f"Why not?{PAIR}Yes."
    assert not any(isinstance(text, str) for text in texts[1:])


def test_a_package_answers_as_the_model_reads_the_pair(tiny_bert: Path) -> None:
    package = label_package(tiny_bert, "single_label", pooling="cls", thresholds=(), data=DATA)
    records = [{"q": q, "a": a} for q, a in zip(FIRST, SECOND, strict=True)]
    found = package.logits(model_inputs(records, DATA), rendered=True)
    backbone = AutoModel.from_pretrained(tiny_bert).eval()
    read = load_tokenizer(locate(str(tiny_bert)))(
        FIRST, SECOND, truncation=True, max_length=48, padding=True, return_tensors="pt"
    )
    assert read["token_type_ids"].any()
    with torch.no_grad():
        wanted = package.model.head(backbone(**read)[0][:, 0]).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    with pytest.raises(RequestError, match="reads pairs of texts"):
        model_inputs(["only one"], DATA)


def test_an_arm_learns_pairs_the_same_with_and_without_the_trunk(make_spec: MakeSpec) -> None:
    parts = {}
    spec = make_spec(strategy="last_1")
    for name in ("train", "validation", "test"):
        frame = getattr(spec, name).read()
        halves = [text.split() for text in frame["text"]]
        pairs = [PAIR.join((" ".join(h[::2]), " ".join(h[1::2]))) for h in halves]
        parts[name] = put_table(frame.assign(text=pairs), name)

    def probabilities(trunk: str) -> np.ndarray:
        changes: Any = {
            "training": {"epochs": 1, "trunk": trunk},
            "model": {"backbone_dropout": 0.0, "dropout": 0.0},
        }
        outcome = train_arm(
            make_spec(strategy="last_1", **changes, **parts), "run", LabelLearner, NO_LOG
        )
        return np.stack(outcome.test.read()["probabilities"].to_list())

    np.testing.assert_allclose(probabilities("on"), probabilities("off"), atol=1e-4)


def test_what_reads_no_pairs_is_refused(tiny_gpt2: Path) -> None:
    with pytest.raises(ValidationError, match="two lines"):
        DataConfig(path=Path("x.csv"), text=("{text}",), pair=True)
    with pytest.raises(RequestError, match="learn labels or numbers"):
        load_case("sft", overrides=["data.pair=true", "data.text=['{prompt}', '{prompt}']"])
    config = load_case("spam", overrides=[f"model.base={tiny_gpt2}", "strategies=[full]"])
    pairs = config.model_copy(update={"data": DATA})
    with pytest.raises(RequestError, match="reads no pairs, since its tokenizer"):
        on_bases(pairs)
