"""The sample of visual question answering: scenes drawn by code, in the layout of VQA v2.

    part = write_scenes(Path("scenes"), images=600, seed=0)

The same arguments give the same files, byte for byte (with one version of Pillow).
"""

import json
import random
import shutil
from pathlib import Path
from tempfile import mkdtemp

from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.layout import VqaPart, image_name, named_part
from tasks.kinds.pictures.scenes.annotators import annotate
from tasks.kinds.pictures.scenes.scene_drawing import draw_scene
from tasks.kinds.pictures.scenes.scene_questions import Asker
from tasks.kinds.pictures.scenes.scene_wording import ask, question_type
from tasks.kinds.pictures.scenes.scene_world import invent_scene

PART = "scenes"


def write_scenes(folder: Path, images: int = 800, questions: int = 6, seed: int = 0) -> VqaPart:
    """Draw scenes and write them, their questions and annotations.

    The folder takes its name only when everything lies in it.

    Args:
        folder: is made; must not exist.
        images: scenes.
        questions: at most so many about each (an empty corner allows fewer kinds).
        seed: of everything.

    Raises:
        RequestError: the folder exists.
        ThawError: it cannot be written.
    """
    if folder.exists():
        raise RequestError(f"{folder} is there already: name a folder that is not.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _write(named_part(partial, PART), images, questions, seed)
            partial.chmod(0o755)  # mkdtemp's folders are their owner's alone
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ThawError(f"Cannot write {folder}: {error.strerror or error}.") from error
    return named_part(folder, PART)


def _write(part: VqaPart, images: int, questions: int, seed: int) -> None:
    draw = random.Random(f"{seed} scenes")  # noqa: S311 - pictures are no secret
    talk = random.Random(f"{seed} questions")  # noqa: S311
    asker = Asker(talk)
    asked: list[dict[str, object]] = []
    annotated: list[dict[str, object]] = []
    part.images.mkdir()
    for image_id in range(1, images + 1):
        scene = invent_scene(draw)
        path = part.images / image_name(PART, image_id)
        draw_scene(scene, draw).save(path, "JPEG", quality=92, subsampling=0)
        for question in asker.questions(scene, questions):
            ids = {"image_id": image_id, "question_id": len(asked) + 1}
            text = ask(question, talk)
            asked.append({**ids, "question": text})
            annotated.append(
                {**ids, "question_type": question_type(text), **annotate(question, talk)}
            )
    head = {"info": {"description": "Scenes drawn by Thaw"}, "data_subtype": PART}
    part.questions.write_text(json.dumps({**head, "questions": asked}), encoding="utf-8")
    part.annotations.write_text(json.dumps({**head, "annotations": annotated}), encoding="utf-8")
