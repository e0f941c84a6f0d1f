"""A small data set in the layout of VQA v2, of which tests break one thing each."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tasks.kinds.pictures.layout import VqaPart, named_part

Row = dict[str, Any]


def question(number: int, image: int, text: str = "What is it?") -> Row:
    return {"question_id": number, "image_id": image, "question": text}


def annotation(number: int, image: int, said: tuple[str, ...] = ("cat",), **changes: Any) -> Row:
    return {
        "question_id": number,
        "image_id": image,
        "question_type": "what is",
        "answer_type": "other",
        "multiple_choice_answer": said[0] if said else "",
        "answers": [{"answer": one, "answer_id": n} for n, one in enumerate(said, 1)],
        **changes,
    }


def write_part(
    folder: Path, questions: list[Row], annotations: list[Row], name: str = "train2014"
) -> VqaPart:
    """The part's two files and its empty folder of pictures."""
    part = named_part(folder, name)
    part.images.mkdir(parents=True, exist_ok=True)
    part.questions.write_text(json.dumps({"info": {}, "questions": questions}))
    part.annotations.write_text(json.dumps({"info": {}, "annotations": annotations}))
    return part


def simple_part(folder: Path, images: dict[int, int], name: str = "train2014") -> VqaPart:
    """Image id -> how many questions; each picture has a colour of its own."""
    questions, annotations = [], []
    first = 1 if name == "train2014" else 100_001
    for image, count in images.items():
        for _ in range(count):
            number = first + len(questions)
            questions.append(question(number, image))
            kind = ("other", "yes/no", "number")[number % 3]
            annotations.append(annotation(number, image, answer_type=kind))
    part = write_part(folder, questions, annotations, name)
    for image in images:
        draw(part.image_path(image), image)
    return part


def draw(path: Path, number: int) -> None:
    """A picture that no other number has."""
    Image.new("RGB", (20, 16), (number % 256, number // 256 % 256, 90)).save(path, "PNG")
