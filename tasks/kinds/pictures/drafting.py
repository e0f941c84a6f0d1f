"""A case of a user's own about pictures, drafted from a folder of questions: `thaw new FOLDER`."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.config.loading import load_case
from tasks.config.vqa import SMALL
from tasks.drafting.understanding import EXAMPLES, Understood
from tasks.drafting.yaml_text import comment, one_line, section
from tasks.errors import RequestError
from tasks.kinds.pictures.data.reading import records
from tasks.kinds.pictures.layout import VqaPart, find_parts
from tasks.storage import write_text

LEAST = 20
"""Questions that the kind's suite asks for."""
_MODELS = {"text_encoder": "minilm", "image_encoder": SMALL}
_TRAINING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-3, "schedule": "cosine"}


def draft_folder(folder: Path, case: Path, base: str | None = None) -> Understood:
    """Write a case that answers the questions of a folder in the layout of VQA v2.

    Args:
        folder: with questions, annotations and a folder of pictures for each part.
        case: the YAML to write.
        base: the decoder; None for a small one that learns from the questions alone.

    Raises:
        RequestError: no such layout, or too few questions; nothing is written.
    """
    parts = find_parts(folder)
    counts = {part.name: sum(1 for _ in records(part.questions, "questions")) for part in parts}
    if sum(counts.values()) < LEAST:
        raise RequestError(
            f"{folder} asks {sum(counts.values())} questions, and at least {LEAST} are needed for "
            "three parts: nothing was written."
        )
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(str(each.get("answer_type")) for _, each in records(part.annotations, _KEY))
    listed = ", ".join(f"{name} ({count:,} questions)" for name, count in counts.items())
    answers = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common(5))
    facts = (
        f"a folder in the layout of VQA v2: {listed}",
        "task: vqa",
        f"answers are of the types {answers}",
        "a picture stays in one part with all its questions",
    )
    unsure = (
        ()
        if base
        else (
            "the decoder and the eye are small and learn from these questions alone: for "
            "photographs set vqa.image_encoder=dinov2-small, or a folder of your own",
        )
    )
    write_text(case, _written(folder, case.parent, base, facts, unsure))
    load_case(str(case))
    run = f"thaw run {case}"
    examples = tuple(_examples(parts[0]))
    return Understood(case, facts, unsure, examples, (f"{run} -o 'strategies=[encoders]'", run))


_KEY = "annotations"


def _written(
    folder: Path, beside: Path, base: str | None, facts: tuple[str, ...], unsure: tuple[str, ...]
) -> str:
    whole = folder.expanduser().absolute()
    near = whole.is_relative_to(beside.absolute())
    path = str(whole.relative_to(beside.absolute())) if near else str(whole)
    head = comment(
        [
            f"Drafted by `thaw new {folder.name}`. What is not here is as `thaw show` says it.",
            *(f"- {line}" for line in facts),
            *(f"? {line}" for line in unsure),
        ]
    )
    top = (
        f"title: {one_line(f'Questions about the pictures of {whole.name}')}\ntask: vqa\n"
        "strategies: [text_encoder, encoders]\n"
    )
    sections: dict[str, dict[str, Any]] = {
        "data": {"path": path},
        "model": {"base": base or SMALL},
        "vqa": dict(_MODELS),
        "training": dict(_TRAINING),
    }
    return head + top + "".join(f"\n{section(name, each)}" for name, each in sections.items())


def _examples(part: VqaPart) -> list[tuple[str, str]]:
    """The first questions, each with the answer that most annotators gave."""
    asked = [question for _, question in islice(records(part.questions, "questions"), EXAMPLES)]
    wanted = {question.get("question_id") for question in asked}
    said = {}
    for _, each in records(part.annotations, _KEY):
        if each.get("question_id") in wanted:
            said[each["question_id"]] = str(each.get("multiple_choice_answer", ""))
        if len(said) == len(wanted):
            break
    return [
        (str(each.get("question", "")), said.get(each.get("question_id"), "")) for each in asked
    ]
