"""`thaw predict`: answers of the champion, or of any arm of the latest sweep."""

import json
from pathlib import Path
from typing import Any

import click

from tasks.errors import RequestError
from tasks.loading import load_case


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
def predict(
    case: str,
    texts: tuple[str, ...],
    file: Path | None,
    as_json: bool,
    alias: str,
    strategy: str | None,
    beams: int | None,
) -> None:
    """Predict with the champion of CASE, or with any arm of its latest finished sweep.

    \b
    Examples:
      thaw predict genre "A retired swordsman opens a noodle bar for ghosts."
      thaw predict genre --file synopses.txt --json
      thaw predict genre --strategy head "A retired swordsman opens a noodle bar for ghosts."
      thaw predict latex "g of x equals integral from 0 to 1 of x squared" --beams 4
    """
    config = load_case(case)
    from flows.quiet import install
    from tasks.registry import prediction

    given = list(texts) + (prediction.read_texts(file) if file else [])
    if not given:
        raise RequestError("There is nothing to predict: give a TEXT or --file FILE.")
    if strategy is not None and alias != "champion":
        raise RequestError(
            "--alias names a registered version and --strategy an arm of a sweep: give one of them."
        )
    if beams is not None and config.task != "completion":
        raise RequestError(f"--beams is for cases that write, and {case} gives labels: leave it.")
    install()
    if strategy is None:
        model = prediction.load_champion(config.registry.name or case, config.tracking.uri, alias)
    else:
        from tasks.registry.arm_prediction import load_arm

        model = load_arm(case, strategy, config.tracking.uri)
    params = {"beams": beams} if beams else None
    for text, answer in zip(given, prediction.predict(model, given, params), strict=True):
        if as_json:
            click.echo(json.dumps({"text": text, **answer}, ensure_ascii=False))
        else:
            click.echo(_shown(answer))


def _shown(answer: dict[str, Any]) -> str:
    """One line: the labels that pass with their probabilities, or what was written."""
    if "answer" in answer:
        return str(answer["answer"])
    pairs = zip(answer["labels"], answer["scores"], strict=True)
    return ", ".join(f"{label} {score:.0%}" for label, score in pairs) or "(no label passes)"
