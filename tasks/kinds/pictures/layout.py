"""The file names of VQA v2: which questions, annotations and pictures belong together.

v2_OpenEnded_mscoco_train2014_questions.json
v2_mscoco_train2014_annotations.json
train2014/COCO_train2014_000000000009.jpg
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import RequestError
from tasks.wording import nearest

_QUESTIONS = re.compile(r"(v2_)?OpenEnded_mscoco_(?P<part>\w+)_questions\.json")


@dataclass(frozen=True)
class VqaPart:
    """The files of one part (`train2014`)."""

    name: str
    questions: Path
    annotations: Path
    images: Path

    def image_path(self, image_id: int) -> Path:
        """Where COCO's pattern puts a picture."""
        return self.images / image_name(self.name, image_id)


def image_name(part: str, image_id: int) -> str:
    """COCO's file name of a picture: `COCO_train2014_000000000009.jpg`."""
    return f"COCO_{part}_{image_id:012d}.jpg"


def named_part(folder: Path, name: str) -> VqaPart:
    """The part's files in `folder` by VQA v2's pattern, there or not."""
    return VqaPart(
        name=name,
        questions=folder / f"v2_OpenEnded_mscoco_{name}_questions.json",
        annotations=folder / f"v2_mscoco_{name}_annotations.json",
        images=folder / name,
    )


def find_parts(folder: Path, names: Sequence[str] = ()) -> list[VqaPart]:
    """The parts that a folder holds with annotations, in the order of `names` or the alphabet.

    Args:
        folder: with the JSON files and a folder of pictures for each part.
        names: the parts that are wanted; none: every one that has annotations (the official
            test part has none).

    Raises:
        RequestError: no folder, no such part, or one without annotations or pictures.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder} is no folder: name the one with the questions' JSON files.")
    found = {
        match["part"]: path
        for path in sorted(folder.iterdir())
        if (match := _QUESTIONS.fullmatch(path.name))
    }
    if not found:
        raise RequestError(
            f"{folder} holds no questions in the layout of VQA v2: files such as "
            "v2_OpenEnded_mscoco_train2014_questions.json are needed."
        )
    parts = []
    for name in names or found:
        if name not in found:
            raise RequestError(
                f"{folder} holds no part {name!r}{nearest(name, list(found))}; it has "
                f"{', '.join(found)}."
            )
        prefix = "v2_" if found[name].name.startswith("v2_") else ""
        part = VqaPart(
            name, found[name], folder / f"{prefix}mscoco_{name}_annotations.json", folder / name
        )
        if part.annotations.is_file():
            parts.append(part)
        elif names:
            raise RequestError(f"Part {name} has no annotations: {part.annotations} is not there.")
    if not parts:
        raise RequestError(f"{folder} holds questions, but no annotations for any of them.")
    for part in parts:
        if not part.images.is_dir():
            raise RequestError(f"Part {part.name} has no pictures: {part.images} is no folder.")
    return parts
