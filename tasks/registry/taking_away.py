"""A registered model as a folder that needs nothing of Thaw.

    take_away(package, Path("tickets-model"))

The folder is a plain transformers model: `AutoModel.from_pretrained` (of one that writes,
`AutoModelForCausalLM` or `AutoModelForSeq2SeqLM`) and `AutoTokenizer` load it. That of one with a
head, for labels, a number or a reward, also has the head, and what sentence-transformers wants to
make vectors. `predict.py` answers as the champion does, and `README.md` says how it came about.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import AutoTokenizer

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.prepare import render_bare
from tasks.models.anatomy import anatomy_of
from tasks.models.classifier import TextClassifier, tells_texts_apart
from tasks.registry.package_folder import of_base
from tasks.storage import write_text

PROGRAMS = Path(__file__).with_name("taken")
_MARK = "\u2063here\u2063"
"""Stands for the text while what is around it is found out."""
_MODES = {"mean": "mean_tokens", "cls": "cls_token", "first": "cls_token", "last": "lasttoken"}


def require_empty(folder: Path) -> None:
    """Refuse a folder that holds something already.

    Raises:
        RequestError: it does, or it is a file.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RequestError(f"{folder} is there already: name a folder that is empty, or none yet.")


def take_reader(
    package: Path,
    to: Path,
    gives: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    keeps_second: bool = False,
) -> None:
    """Write the package of a model with a head as such a folder.

    Args:
        package: the files of the registered version.
        to: the folder.
        gives: `package.json` -> what `predict.py` has to know to make an answer of the head's
            outputs: `gives` (`labels`, `number`, `reward`) and what belongs to it.
        keeps_second: it reads two texts, of which the first is cut before the second; else both
            are, the longer one first.

    Raises:
        RequestError: it is no transformer, or has what plain transformers have no place for.
    """
    if not of_base(package):
        raise RequestError(
            "This model is a regression on words or characters, which transformers cannot load. "
            "`--alias challenger` takes the arm that did not beat it."
        )
    info = json.loads((package / "package.json").read_text("utf-8"))
    data = DataConfig.model_validate(info["data"])
    model = TextClassifier.load(package)
    if model.prompt is not None:
        raise RequestError(
            "This model reads a soft prompt before every text, for which a plain transformers "
            "model has no place: train another strategy, or use its registered package."
        )
    if data.html or data.printable_only:
        raise RequestError(
            "This case cleans its texts (data.html, data.printable_only), which predict.py does "
            "not: use the registered package, or train on texts that are clean already."
        )
    if keeps_second and not AutoTokenizer.from_pretrained(package / "tokenizer").is_fast:
        raise RequestError(
            "The tokenizer of this model does not say which of two texts a token is of, which "
            "predict.py asks it: use the registered package."
        )
    model.backbone.save_pretrained(to)
    shutil.copytree(package / "tokenizer", to, dirs_exist_ok=True)
    head = {name: value.contiguous() for name, value in model.head.state_dict().items()}
    save_file(head, to / "head.safetensors", metadata={"format": "pt"})
    longest = model.longest_text
    length = info["max_length"] if longest is None else min(info["max_length"], longest)
    about = {
        **{name: info[name] for name in ("case", "strategy")},
        **gives(info),
        "pooling": model.head_config.pooling,
        "between": "relu" if model.head_config.kind == "dense" else "tanh",
        "max_length": length,
        "template": ["", ""] if data.pair else _around(lambda text: render_bare(text, data)),
        "prompt_end": info.get("prompt_end", ""),
        "keep_lines": data.keep_lines,
        "pair": data.pair or keeps_second,
        "keeps_second": keeps_second,
        "tells_apart": tells_texts_apart(model.backbone.config),
    }
    _write_json(to / "about.json", about)
    _for_sentence_transformers(to, model, length)
    shutil.copy(PROGRAMS / "predict_reading.py", to / "predict.py")
    shutil.copy(PROGRAMS / "reading.py", to)
    write_text(to / "README.md", _readme(about, "AutoModel", "torch transformers safetensors"))


def take_writer(package: Path, to: Path, prompt: Callable[[str], Any], generation: Any) -> None:
    """Write the package of a model that writes as such a folder.

    Args:
        package: the files of the registered version.
        to: the folder.
        prompt: what the model is given for a text: text, or parts of a chat template.
        generation: with `beams` and `max_new_tokens`.
    """
    info = json.loads((package / "package.json").read_text("utf-8"))
    data = DataConfig.model_validate(info["data"])
    for part in ("model", "tokenizer"):
        shutil.copytree(package / part, to, dirs_exist_ok=True)
    made = prompt(render_bare(_MARK, data))
    chat = not isinstance(made, str)
    pieces = [text for text, _ in made.parts] if chat else [made]
    parts: list[str | None] = []
    for piece in pieces:
        before, mark, after = piece.partition(_MARK)
        parts += [before, *([None, after] if mark else [])]
    config = json.loads((to / "config.json").read_text("utf-8"))
    about = {
        **{name: info[name] for name in ("case", "strategy")},
        "encoder_decoder": bool(config.get("is_encoder_decoder")),
        "chat": chat,
        "prompt": [part for part in parts if part != ""],
        "keep_lines": data.keep_lines,
        "beams": generation.beams,
        "max_new_tokens": generation.max_new_tokens,
    }
    _write_json(to / "about.json", about)
    shutil.copy(PROGRAMS / "predict_text.py", to / "predict.py")
    family = "AutoModelForSeq2SeqLM" if about["encoder_decoder"] else "AutoModelForCausalLM"
    write_text(to / "README.md", _readme(about, family, "torch transformers"))


def name_base(to: Path, base: str, digest: str) -> None:
    """Say in a folder that was written so, which base model it was trained from.

    Args:
        to: the folder.
        base: the model's name, as the case has it.
        digest: of its files.
    """
    about = json.loads((to / "about.json").read_text("utf-8"))
    _write_json(to / "about.json", {**about, "base_model": base, "base_digest": digest})
    readme = to / "README.md"
    said = readme.read_text("utf-8")
    write_text(
        readme, said.replace("Trained with Thaw by", f"Trained with Thaw from `{base}` by", 1)
    )


def _around(render: Callable[[str], str]) -> list[str]:
    before, _, after = render(_MARK).partition(_MARK)
    return [before, after]


def _for_sentence_transformers(to: Path, model: TextClassifier, length: int) -> None:
    """The modules that make sentence-transformers read the folder: the model, then its pooling."""
    kinds = ("Transformer", "Pooling")
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(zip(("", "1_Pooling"), kinds, strict=True))
    ]
    _write_json(to / "modules.json", modules)
    _write_json(to / "sentence_bert_config.json", {"max_seq_length": length})
    pooling: dict[str, Any] = {"word_embedding_dimension": anatomy_of(model.backbone).width}
    chosen = _MODES[model.head_config.pooling]
    pooling |= {f"pooling_mode_{mode}": mode == chosen for mode in sorted(set(_MODES.values()))}
    _write_json(to / "1_Pooling" / "config.json", pooling)


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _readme(about: Mapping[str, Any], family: str, needs: str) -> str:
    labels, unit = about.get("labels"), about.get("unit")
    learned = {
        "labels": f"It gives the labels {', '.join(labels or ())}.\n\n",
        "number": f"It gives a number{f' in {unit}' if unit else ''}.\n\n",
        "reward": "It gives a reward: the higher, the better an answer to its question.\n\n",
    }.get(about.get("gives", ""), "")
    asked = '"a text" "its second text"' if about.get("pair") else '"a text"'
    return (
        f"# {about['case']}\n\nTrained with Thaw by the strategy `{about['strategy']}`. {learned}"
        f"```console\npip install {needs}\npython predict.py {asked}\n```\n\n"
        f'The model itself: `transformers.{family}.from_pretrained("this folder")`. What stands '
        "around a text, how long it may be, and what an answer is made from stands in "
        "`about.json`.\n"
    )
