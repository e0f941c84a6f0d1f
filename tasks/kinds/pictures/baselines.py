"""What a model that answers about pictures has to beat: no look at one of the two, or at neither.

`question only` and `image only` are the chosen arm trained once more, with the features of the
other encoder at zero: the same strategy, seed and size. Only what an arm gains over the first
comes from the pictures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import table_metrics
from tasks.kinds.pictures.evaluating import answer_table
from tasks.kinds.pictures.questions import read_questions
from tasks.kinds.pictures.scores import IMAGE_ONLY, MOST_FREQUENT, QUESTION_ONLY, MostFrequentAnswer
from tasks.training.arms import ArmSpec

Ask = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
_SEES = {QUESTION_ONLY: "question", IMAGE_ONLY: "image"}
BASELINES = (QUESTION_ONLY, IMAGE_ONLY, MOST_FREQUENT)


def blind_spec(spec: ArmSpec, name: str) -> ArmSpec:
    """The arm with one of its encoders' features at zero."""
    assert spec.vqa is not None  # noqa: S101 - only arms of this task have baselines of it
    sees = {"sees": _SEES[name]}
    point = spec.point | {"vqa.sees": _SEES[name]}
    return spec.model_copy(update={"vqa": spec.vqa.model_copy(update=sees), "point": point})


def most_frequent_outcome(spec: ArmSpec, run_id: str) -> Outcome:
    """The most frequent training answer of each question type.

    Args:
        spec: any arm: it names the parts.
        run_id: the tracking run that will hold the evidence.
    """
    asked = read_questions(spec)
    train = asked.parts["train"].frame
    rule = MostFrequentAnswer.of(train["question_type"].tolist(), train["answer"].tolist())
    metrics: dict[str, float] = {}
    tables = {}
    for name, short in (("validation", "val"), ("test", "test")):
        part = asked.parts[name]
        given = rule.answers(part.frame["question_type"].tolist())
        tables[name] = answer_table(part, given, f"{MOST_FREQUENT} on {name}")
        figures = table_metrics(tables[name])
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=MOST_FREQUENT,
        kind="baseline",
        run_id=run_id,
        metrics=metrics,
        validation=tables["validation"],
        test=tables["test"],
        fold=spec.fold,
    )


def as_baseline(outcome: Outcome, name: str) -> Outcome:
    """A blind arm's outcome as tables show it: never chosen, never registered."""
    return outcome.model_copy(
        update={"name": name, "kind": "baseline", "strategy": None, "seed": None, "point": {}}
    )


def standing_figure(ask: Ask, spec: ArmSpec, metric: str) -> float:
    """A figure of a packaged model's own answers to an arm's test questions.

    Args:
        ask: a standing champion's `predict`, for records of `question` and `image` (a `Path`).
        spec: the arm that wants to take its place.
        metric: by short name, of those that answers alone decide.
    """
    part = read_questions(spec).parts["test"]
    answers = ask(
        [
            {"question": question, "image": Path(path)}
            for question, path in part.frame[["question", "path"]].itertuples(index=False)
        ]
    )
    table = answer_table(part, [each["answer"] for each in answers], "the standing champion's")
    return table_metrics(table)[metric]
