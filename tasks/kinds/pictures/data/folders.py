"""Where questions and pictures lie: the user's folder, or scenes that are drawn on first use."""

import hashlib
from pathlib import Path

from tasks.config import PicturesCase
from tasks.errors import RequestError
from tasks.kinds.pictures.scenes import scenes
from tasks.locks import locked
from tasks.paths import store_dir
from tasks.wording import nearest

SCENES = "scenes"
# What the drawn files depend on besides their number.
_DRAWN_BY = ("annotators", "scene_drawing", "scene_questions", "scene_wording", "scene_world")


def data_folder(config: PicturesCase) -> Path:
    """The folder in the layout of VQA v2 that the case's data names.

    Raises:
        RequestError: it names something else than a folder or the sample.
    """
    data = config.data
    if data.sample is not None:
        if data.sample != SCENES:
            raise RequestError(
                f"No sample {data.sample!r} of pictures comes with Thaw"
                f"{nearest(data.sample, [SCENES])}: there is {SCENES}."
            )
        return drawn_scenes(config.vqa.scenes, config.vqa.scene_questions, config.split.seed)
    if data.path is None:
        raise RequestError(
            f"{config.case} reads a folder with questions, annotations and pictures, and no "
            f"{'hub dataset' if data.hub else 'address'}: fetch and unpack it, and name the "
            "folder with data.path=FOLDER."
        )
    return data.path


def drawn_scenes(images: int, questions: int, seed: int) -> Path:
    """The sample in the store, drawn when it is first asked for (2,500 pictures: 6 seconds)."""
    sha = hashlib.sha256(f"{images} {questions} {seed}".encode())
    here = Path(scenes.__file__)
    for source in (here, *(here.with_name(f"{name}.py") for name in _DRAWN_BY)):
        sha.update(source.read_bytes())
    folder = store_dir() / "samples" / f"{SCENES}-{sha.hexdigest()[:16]}"
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            scenes.write_scenes(folder, images, questions, seed)
    return folder
