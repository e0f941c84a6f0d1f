"""What `thaw predict` asks a case about pictures: questions paired with pictures, checked."""

import base64
import io
from pathlib import Path

from tasks.errors import RequestError
from tasks.kinds.pictures.data.pictures import picture_to_ask
from tasks.registry.prediction import read_fields


def picture_questions(
    questions: tuple[str, ...], images: tuple[Path, ...], file: Path | None
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Records of `question` and `image`, twice: with its path to show, with the picture to ask.

    A model opens no file that it is told of; so each picture is read here, once.

    Args:
        questions: of the command line.
        images: one for all questions, one for each, or several for one question.
        file: JSON lines with `image`, relative to the file's folder, and `question`.

    Raises:
        RequestError: nothing is asked, or not about a picture; a picture that cannot be used.
    """
    asked = _paired(questions, images)
    if file is not None:
        for line in read_fields(file, ("question", "image")):
            asked.append((line["question"], file.parent / line["image"]))
    if not asked:
        raise RequestError('There is nothing to ask: give --image FILE "QUESTION" or --file FILE.')
    sent = {path: _encoded(path) for path in dict.fromkeys(path for _, path in asked)}
    shown = [{"question": question, "image": str(path)} for question, path in asked]
    return shown, [{"question": question, "image": sent[path]} for question, path in asked]


def _encoded(path: Path) -> str:
    """The picture as a model reads it, without loss, in base64."""
    buffer = io.BytesIO()
    picture_to_ask(path).save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def _paired(questions: tuple[str, ...], images: tuple[Path, ...]) -> list[tuple[str, Path]]:
    if questions and not images:
        raise RequestError("The questions are about no picture: name it with --image FILE.")
    if images and not questions:
        raise RequestError(f"Nothing is asked about {images[0]}: give a question in quotes.")
    if 1 < len(images) != len(questions) > 1:
        raise RequestError(
            f"{len(questions)} questions and {len(images)} pictures do not pair up: give one "
            "picture for all questions, or one for each."
        )
    longest = max(len(questions), len(images))
    if len(images) == 1:
        images *= longest
    if len(questions) == 1:
        questions *= longest
    return list(zip(questions, images, strict=True))
