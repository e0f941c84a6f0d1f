"""Who stands: the challenger against the floor and the champion, on the same test rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.answering.baselines import standing_figure
from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.evaluation.completions import (
    JUDGED,
    TOKEN_SUMS,
    completion_metrics,
    read_completions,
)
from tasks.evaluation.metrics import compute
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.language.answering import answer_columns
from tasks.language.generating import Generated
from tasks.preferences.figures import pair_table
from tasks.registry.fresh import FreshModel, load_fresh
from tasks.registry.reward_model import REWARD
from tasks.registry.writer import Writer
from tasks.rl.untrained import writer_figure
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.building import read_spec
from tasks.training.trainer import higher_is_better


def judge(
    tracker: Tracker,
    config: CaseConfig,
    best: Outcome,
    base_rate: Outcome,
    test: TableRef,
    name: str,
) -> tuple[bool, str]:
    """Whether the challenger becomes champion, and why, on the same test rows for all.

    A standing champion is asked in a fresh process, with the code that it was packaged with (see
    `fresh.py`). One with other labels is scored on those that it knows; a label that it does not
    know counts as never predicted.
    """
    metric = config.evaluation.primary
    sign = 1 if higher_is_better(metric) else -1
    mine, floor = best.metrics[metric], base_rate.metrics[metric]
    of_labels = config.task in ("multi_label", "single_label")
    floors = "the base rate's" if of_labels else f"{base_rate.name}'s"
    if sign * (mine - floor) <= 0:
        return False, f"{metric} {mine:.4f} does not beat {floors} {floor:.4f}"
    standing = tracker.alias(name, "champion")
    if standing is None:
        return True, f"{metric} {mine:.4f} beats {floors} {floor:.4f}; no champion stood"
    theirs = champion_figure(tracker, config, best, test, str(standing.version), name)
    if sign * (mine - theirs) <= 0:
        return (
            False,
            f"{metric} {mine:.4f} does not beat champion {standing.version}'s {theirs:.4f}",
        )
    return True, f"{metric} {mine:.4f} beats champion {standing.version}'s {theirs:.4f}"


def champion_figure(
    tracker: Tracker,
    config: CaseConfig,
    best: Outcome,
    test: TableRef,
    version: str,
    name: str,
) -> float:
    """The standing champion's primary figure on this test part."""
    try:
        champion = load_fresh(tracker, f"models:/{name}/{version}")
        if config.task == "completion":
            return _figure_of_writer(champion, best, config)
        if config.task == "vqa":
            arm, metric = read_spec(Path(str(best.folder))), config.evaluation.primary
            return standing_figure(champion.predict, arm, metric.removeprefix("test/"))
        if config.task == "policy":
            arm, metric = read_spec(Path(str(best.folder))), config.evaluation.primary
            return writer_figure(Writer.load(champion.package), arm, metric.removeprefix("test/"))
        if config.task == "preference":
            return reward_figure(champion, test, config.evaluation.primary.removeprefix("test/"))
        rows = test.read(["text"])["text"].tolist()
        answers = champion.predict(rows, params={"rendered": True})
    except Exception as error:  # a model of any origin may fail in any way
        raise ThawError(
            f"The standing champion {name} version {version} cannot be asked ({error}); "
            "move the alias `champion` off it and run again."
        ) from error
    spec = read_spec(Path(str(best.folder)))
    truth = read_predictions(best.test).truth
    probabilities = np.array(
        [[answer["probabilities"].get(label, 0.0) for label in spec.labels] for answer in answers]
    )
    passing = np.array(
        [[float(label in answer["labels"]) for label in spec.labels] for answer in answers]
    )
    if metric_is_tuned(config.evaluation.primary):
        figures = compute(config.task, truth, passing, [0.5] * len(spec.labels))
    else:
        figures = compute(
            config.task, truth, probabilities, positive=spec.positive, scale=spec.scale
        )
    return figures[config.evaluation.primary.removeprefix("test/")]


def _figure_of_writer(champion: FreshModel, best: Outcome, config: CaseConfig) -> float:
    """The figure of the champion's own answers, or losses, on the rows of the best arm's.

    A loss is the champion's sum over the tokens that the best arm counts, since two tokenizers cut
    the same completion into different numbers of them.
    """
    metric = config.evaluation.primary.removeprefix("test/")
    frame = read_completions(best.test).frame
    if metric in JUDGED:
        frame = frame[frame["tokens_of_loss"] > 0]
        pairs = list(zip(frame["prompt"], frame["expected"], strict=True))
        nats = np.array(champion.call("nats", pairs), float)
        figures = completion_metrics(frame.assign(nats=nats)[~np.isnan(nats)])
        return figures[metric]
    frame = frame[frame["generated"].notna()]
    answers = champion.predict(frame["prompt"].tolist(), params={"rendered": True})
    given = [Generated(each["answer"], each["stopped"], each["tokens"]) for each in answers]
    columns = answer_columns(frame["expected"].tolist(), given, config.language.scores)
    unread = dict.fromkeys(TOKEN_SUMS, 0.0)  # losses play no part here
    return completion_metrics(pd.DataFrame(columns | unread))[metric]


def reward_figure(champion: FreshModel, test: TableRef, metric: str) -> float:
    """The figure of the champion's own rewards on a test part of pairs."""
    frame = test.read(["text", "chosen", "rejected"])
    rows = [
        {"question": question, "answer": answer}
        for end in ("chosen", "rejected")
        for question, answer in zip(frame["text"], frame[end], strict=True)
    ]
    rewards = [each[REWARD] for each in champion.predict(rows, {"rendered": True})]
    chosen, rejected = np.array(rewards).reshape(2, -1)
    return pair_table(test, chosen, rejected, "the standing champion on test")[1][metric]


def metric_is_tuned(metric: str) -> bool:
    """Whether a metric is taken at the model's own thresholds rather than at 0.5."""
    return metric.endswith("_tuned")
