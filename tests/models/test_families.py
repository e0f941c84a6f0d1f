"""Every family is read as its own library reads it and learns with every strategy, or is refused.

`docs/base-models.md` holds what is seen here. An ordinary run compares its rows with the page;
`THAW_WRITE_TABLE=1 pytest tests/models/test_families.py -k page` writes it.
"""

import gc
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import BLOCKS, BOTH, DECODERS, FAMILIES, LABELS, make, toy_rows

from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.models.adapting import adapt
from tasks.models.base_models import LocatedModel, locate
from tasks.models.examining import cut_obstacle, usual_pooling
from tasks.models.loading import examined, load_backbone, load_tokenizer
from tasks.models.tracing import probe
from tasks.storage import TableRef, put_table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "base-models.md"
OFTEN = (
    "xlm-roberta",
    "mpnet",
    "distilbert",
    "deberta-v2",
    "modernbert",
    "luke",
    "mistral",
    "qwen3",
    "gemma3_text",
    "gpt_neo",
    "bloom",
    "t5",
)
LEARNS = ("full", "freeze_1", "last_1", "lora_4")
"""Have to come to an accuracy over .9."""
FEW: dict[str, dict[str, float]] = {
    "head": {},
    "prompt_2": {"prompt_learning_rate": 0.1},
    "bitfit": {"lora_learning_rate": 0.01},
    "ia3": {"lora_learning_rate": 0.2},
    "dora_2": {},
    "unfreeze_1": {},
    "full, layer by layer": {},
}
"""What trains little, at rates for so little, or late: has to be above chance."""
LITTLE = ("prompt_2", "bitfit", "ia3")
"""Those whose head has to go far in few steps."""
FIXED: dict[str, dict[str, Any]] = {
    "unfreeze_1": {"epochs": BLOCKS + 1},
    "full, layer by layer": {"layer_decay": 0.8},
    **{name: {"head_learning_rate": 0.1} for name in LITTLE},
}
LEARNED, ABOVE_CHANCE = 0.9, 0.6
STORED = ("xlm-roberta", "modernbert", "gemma3_text")
"""Those of the ordinary run that train with and without a stored trunk."""
TRIES = ((1.0, 1), (2.0, 2), (1.0, 4), (0.3, 8), (0.1, 20))
"""Times its learning rates, and epochs, that an arm gets until it has learned; few need more."""
RATES = {
    "learning_rate": 1e-2,
    "lora_learning_rate": 2e-2,
    "prompt_learning_rate": 0.3,
    "head_learning_rate": 2e-2,
}
UNREADABLE = {"nystromformer", "funnel"}
ADAPTERS = {"lora_4": "lora", "dora_2": "dora", "ia3": "ia3"}
answers: dict[str, Any] = {}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests of this file share: models, data and arms of all families."""
    return tmp_path_factory.mktemp("families")


@pytest.fixture(autouse=True)
def _shared_store(kept: Path, isolated_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_STORE", str(kept / "store"))


@pytest.fixture(scope="module", autouse=True)
def _libraries_are_no_garbage() -> Iterator[None]:
    """Every arm looks for garbage, which in all that is imported takes it half of its time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def parts(kept: Path) -> dict[str, TableRef]:
    """The toy task."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAW_STORE", str(kept / "store"))
        return {name: put_table(rows, f"toy, {name}") for name, rows in toy_rows().items()}


def spec_of(located: LocatedModel, named: str, parts: dict[str, TableRef], **training: Any) -> Any:
    from tasks.config import ModelConfig, TrainingConfig
    from tasks.training.arms import ArmSpec

    fields = {
        "batch_size": 16,
        "precision": "fp32",
        "schedule": "constant_with_warmup",
        **training,
    }
    return ArmSpec(
        case="spam",
        task="single_label",
        strategy=strategy(named),
        seed=1,
        point={},
        model=ModelConfig(base=located.name, max_length=24, dropout=0.0, backbone_dropout=0.0),
        training=TrainingConfig(**fields),
        base_digest=located.digest,
        labels=LABELS,
        **parts,
    )


def train(spec: Any) -> Any:
    from tasks.kinds.labels.training import LabelLearner
    from tasks.training.run import train_arm

    return train_arm(spec, "run", LabelLearner, lambda metrics, step: None)


def package(spec: Any, folder: Path) -> None:
    """Keep an arm's classifier and what it answers, for the fresh process to answer again."""
    from tasks.training.batching import PaddingCollator, token_ids
    from tasks.training.building import load_trained

    _, model = load_trained(spec.folder)
    model.save(folder)
    tokenizer = load_tokenizer(locate(spec.model.base))
    ids, _ = token_ids(spec.test.read(["text"])["text"].tolist()[:8], tokenizer, 24)
    batch = PaddingCollator(int(tokenizer.pad_token_id))([{"input_ids": each} for each in ids])
    given = {name: value.tolist() for name, value in batch.items()}
    (folder / "batch.json").write_text(json.dumps(given))
    answers[str(folder)] = model(**batch)["logits"].detach().numpy()


def family_test(
    family: str,
    kept: Path,
    parts: dict[str, TableRef],
    arms: Iterable[str],
    floor: float,
    stored: bool = False,
) -> None:
    """Train a family's arms, or see that it is refused, or that they are.

    Args:
        family: of the table.
        kept: where its folder is made.
        parts: of the toy task.
        arms: strategies; what stands behind a comma is a note.
        floor: accuracy that each has to pass.
        stored: whether to train without a stored trunk too, and compare.
    """
    located = locate(str(make(family, kept / family)))
    if family in UNREADABLE:
        with pytest.raises(RequestError, match=f"{family!r}"):
            examined(located)
        return
    found = examined(located)
    assert found is not None
    assert found.difference <= 1e-4
    for named in arms:
        for times, epochs in TRIES:
            rates = {rate: times * value for rate, value in {**RATES, **FEW.get(named, {})}.items()}
            training = {**rates, "epochs": epochs, **FIXED.get(named, {})}
            spec = spec_of(located, named.partition(",")[0], parts, **training)
            if refused(located, spec):
                with pytest.raises(RequestError, match=family):
                    train(spec)
                outcome = None
                break
            outcome = train(spec)
            if outcome.metrics["test/accuracy"] > floor:
                break
        if outcome is None:
            continue
        assert outcome.metrics["test/accuracy"] > floor, (family, named, outcome.metrics)
        if named == "last_1":
            package(spec, kept / "packages" / family)
        if named == "last_1" and stored:
            off = {"trunk": "off"}
            plain = train(spec_of(located, named, parts, **training, **off))
            for metric in ("val/loss", "test/loss"):
                wanted = plain.metrics[metric]
                assert outcome.metrics[metric] == pytest.approx(wanted, abs=1e-4), metric


def refused(located: LocatedModel, spec: Any) -> bool:
    """Whether a family cannot be trained so: it has no such part, or no such way."""
    found, named = examined(located), str(spec.strategy)
    assert found is not None
    if spec.strategy.divides or spec.training.layer_decay != 1:
        return found.undivided is not None
    if named == "bitfit":
        lacks = not has_biases(located)
    else:
        lacks = named in ADAPTERS and not takes(located, named)
    assert (spec.strategy.forms[0] in found.lacking) == lacks, "what is refused before training"
    if lacks:
        return True
    return bool(spec.strategy.prompt_tokens) and found.unprompted is not None


@cache
def has_biases(located: LocatedModel) -> bool:
    """Whether a base model has what BitFit trains."""
    return any(name.endswith(".bias") for name, _ in load_backbone(located).named_parameters())


@cache
def takes(located: LocatedModel, named: str) -> bool:
    """Whether a base model has layers beside which an adapter trains; it changes what they give."""
    backbone = load_backbone(located)
    batch = probe(backbone)
    try:
        adapt(backbone, strategy(named), seed=1)
    except RequestError:
        return False
    before = backbone(**batch)[0]
    with torch.no_grad():
        for name, value in backbone.named_parameters():
            if strategy(named).trains(name):
                value.add_(0.1)
    assert not torch.equal(backbone(**batch)[0], before), f"{named} moves nothing"
    return True


def adapters_said(located: LocatedModel) -> str:
    """The table's cell."""
    without = [form for named, form in ADAPTERS.items() if not takes(located, named)]
    if not without:
        return "yes"
    return "no" if len(without) == len(ADAPTERS) else f"not {', '.join(without)}"


def row_of(family: str, folder: Path) -> str:
    """A family's row of the table, from its examination."""
    located = locate(str(make(family, folder)))
    try:
        found = examined(located)
    except RequestError:
        cells = [kind_of(family), "refused", *["–"] * 6]
        return f"| {family} | {' | '.join(cells)} |"
    assert found is not None
    backbone = load_backbone(located)
    reads = usual_pooling(backbone, load_tokenizer(located))
    uncut = [depth for depth in range(found.blocks + 1) if cut_obstacle(backbone, depth)]
    cells = [
        kind_of(family),
        "as alone",
        reads,
        "no" if found.undivided else "yes",
        trunk_said(uncut, found.blocks),
        "no" if found.unprompted else "yes",
        adapters_said(located),
        "yes" if has_biases(located) else "no",
    ]
    return f"| {family} | {' | '.join(cells)} |"


def kind_of(family: str) -> str:
    if family in BOTH:
        return "encoder of an encoder-decoder"
    return "decoder" if family in DECODERS else "encoder"


def trunk_said(uncut: list[int], blocks: int) -> str:
    if not uncut:
        return "yes"
    if len(uncut) >= blocks:
        return "no"
    return f"not at block {', '.join(map(str, uncut))}"


@pytest.mark.parametrize("family", OFTEN)
def test_a_family_is_read_as_its_library_reads_it_and_learns(
    family: str, kept: Path, parts: dict[str, TableRef]
) -> None:
    family_test(family, kept, parts, LEARNS, LEARNED, stored=family in STORED)


@pytest.mark.slow
@pytest.mark.parametrize("family", [each for each in FAMILIES if each not in OFTEN])
def test_every_other_family_too(family: str, kept: Path, parts: dict[str, TableRef]) -> None:
    family_test(family, kept, parts, LEARNS, LEARNED, stored=True)


@pytest.mark.slow
@pytest.mark.parametrize("family", [each for each in FAMILIES if each not in UNREADABLE])
def test_what_trains_little_of_a_family_learns_something(
    family: str, kept: Path, parts: dict[str, TableRef]
) -> None:
    stored = ("last_1",) if family in OFTEN and family not in STORED else ()
    family_test(family, kept, parts, (*FEW, *stored), ABOVE_CHANCE, stored=True)


AGAIN = """
import json, sys, torch
from pathlib import Path
from tasks.models.classifier import TextClassifier
for folder in map(Path, sys.argv[1:]):
    batch = json.loads((folder / "batch.json").read_text())
    model = TextClassifier.load(folder)
    print(json.dumps(model(**{n: torch.tensor(v) for n, v in batch.items()})["logits"].tolist()))
"""


def test_a_fresh_process_gives_the_same_answers(forked_python: str) -> None:
    assert answers, "the tests above package a model of each family"
    done = subprocess.run(
        [forked_python, "-c", AGAIN, *answers], capture_output=True, text=True, check=True
    )
    for line, (folder, wanted) in zip(done.stdout.splitlines(), answers.items(), strict=True):
        np.testing.assert_allclose(json.loads(line), wanted, atol=1e-5, err_msg=folder)


def test_the_page_says_what_is_found(tmp_path: Path) -> None:
    writes = bool(os.environ.get("THAW_WRITE_TABLE"))
    rows = {name: row_of(name, tmp_path / name) for name in (FAMILIES if writes else OFTEN)}
    text = PAGE.read_text(encoding="utf-8")
    if writes:
        header = next(line for line in text.splitlines() if line.startswith("| Family |"))
        head, _, _ = text.partition(header)
        rule = "|---" * (header.count("|") - 1) + "|"
        PAGE.write_text(head + "\n".join([header, rule, *rows.values()]) + "\n", encoding="utf-8")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for name, row in rows.items():
        reads_last = name in DECODERS or name == "xlnet"
        assert name in UNREADABLE or ("| last |" in row) == reads_last, row
        assert row in lines, f"docs/base-models.md says something else of {name}: {row}"
