"""`thaw predict`: answers of the champion, or of any arm of the latest sweep."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tasks.config.chains import answering_case
from tasks.errors import RequestError


@click.command()
@click.argument("case")
@click.argument("texts", nargs=-1)
@click.option(
    "--file", "file", type=click.Path(path_type=Path), help="Texts, one a line, or JSONL."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--alias", default="champion", show_default=True, help="Which registered version.")
@click.option(
    "--strategy", metavar="NAME", help="The arm of this strategy in the latest sweep instead."
)
@click.option(
    "--beams",
    type=click.IntRange(1, 64),
    help="Search with so many beams (cases that write; 1: greedy).",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The picture that is asked about: one for all questions, or one for each.",
)
def predict(
    case: str,
    texts: tuple[str, ...],
    file: Path | None,
    as_json: bool,
    alias: str,
    strategy: str | None,
    beams: int | None,
    images: tuple[Path, ...],
) -> None:
    """Predict with the champion of CASE, or with any arm of its latest finished sweep.

    \b
    Examples:
      thaw predict genre "A retired swordsman opens a noodle bar for ghosts."
      thaw predict genre --file synopses.txt --json
      thaw predict genre --strategy head "A retired swordsman opens a noodle bar for ghosts."
      thaw predict latex "g of x equals integral from 0 to 1 of x squared" --beams 4
      thaw predict vqa --image photo.jpg "what colour is the wall?" "how many people are there?"
      thaw predict vqa --file questions.jsonl --json
      thaw predict sawyer_reward "Is tea a drink?" "Yes, it is." "No, tea is a stone."
    """
    config = answering_case(case)
    case = config.case
    from flows.quiet import install
    from tasks.registry import prediction

    if images and config.task != "vqa":
        raise RequestError(f"--image is for questions about pictures, and {case} reads texts.")
    asked: Sequence[str | dict[str, str]]
    if config.task == "vqa":
        from flows.picture_questions import picture_questions

        rows, asked = picture_questions(texts, images, file)
    elif config.task == "preference":
        from flows.answer_ranking import answer_records, ranked

        rows = asked = answer_records(texts, file)
    else:
        given = list(texts) + (prediction.read_texts(file) if file else [])
        if not given:
            raise RequestError("There is nothing to predict: give a TEXT or --file FILE.")
        rows, asked = [{"text": text} for text in given], given
    if strategy is not None and alias != "champion":
        raise RequestError(
            "--alias names a registered version and --strategy an arm of a sweep: give one of them."
        )
    if beams is not None and config.task not in ("completion", "policy", "vqa"):
        raise RequestError(f"--beams is for cases that write, and {case} gives labels: leave it.")
    install()
    if strategy is None:
        model = prediction.load_champion(config.registry.name or case, config.tracking.uri, alias)
    else:
        from tasks.registry.arm_prediction import load_arm

        model = load_arm(case, strategy, config.tracking.uri)
    params = {"beams": beams} if beams else None
    answers = prediction.predict(model, asked, params)
    if config.task == "preference":
        rows, answers = ranked(rows, answers)
    for row, answer in zip(rows, answers, strict=True):
        if as_json:
            click.echo(json.dumps({**row, **answer}, ensure_ascii=False))
        else:
            click.echo(_shown({**row, **answer}))


def _shown(answer: dict[str, Any]) -> str:
    """One line: the labels that pass with their probabilities, what was written, or a reward."""
    if "reward" in answer:
        return f"{answer['reward']:+.3f}  {answer['answer']}"
    if "confidence" in answer:
        return f"{answer['answer'] or '(no answer)'} {answer['confidence']:.0%}"
    if "answer" in answer:
        return str(answer["answer"])
    pairs = zip(answer["labels"], answer["scores"], strict=True)
    return ", ".join(f"{label} {score:.0%}" for label, score in pairs) or "(no label passes)"
