"""What a reward model, or a rule that needs none, makes of a part's pairs: a row a pair.

Everything that is shown of a reward model is computed from this table.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit
from scipy.stats import spearmanr

from tasks.evaluation.calibration import ConfidenceBins, bins_of
from tasks.evaluation.scored import put_scored, read_scored, scored_metrics
from tasks.storage import TableRef

LIKE_LENGTH = 0.2
"""Two answers whose lengths differ by at most this share of the longer one are of like length."""
_SHOWN = ("gap", "chosen_source", "rejected_source")


def ranked(chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """(pairs,) 1 where the better answer has the higher reward, 0 where the lower; equal is 0.5."""
    return (np.sign(chosen - rejected) + 1) / 2


def of_like_length(chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """bool (pairs,), from both answers' lengths."""
    return np.abs(chosen - rejected) <= LIKE_LENGTH * np.maximum(chosen, rejected)


def pair_table(
    part: TableRef, chosen: np.ndarray, rejected: np.ndarray, origin: str
) -> tuple[TableRef, dict[str, float]]:
    """Store how a part's pairs were ranked, and measure it.

    Args:
        part: `id`, `text` (the query), `chosen`, `rejected`, and maybe the gap and the sources.
        chosen, rejected: (pairs,) the rewards of both answers.
        origin: in words.

    Returns:
        The table, and its figures by short name: the means of its scores (the loss without a
        margin, so that arms with and without one compare), `length_correlation` and `ece`, the
        calibration error.
    """
    frame = part.read()
    lengths = {name: frame[name].str.len().to_numpy() for name in ("chosen", "rejected")}
    right = ranked(chosen, rejected)
    like = of_like_length(lengths["chosen"], lengths["rejected"])
    table = put_scored(
        frame["id"].tolist(),
        frame["chosen"].tolist(),
        {
            "pair_accuracy": right,
            "pair_accuracy_matched": np.where(like, right, np.nan),
            "margin": chosen - rejected,
            "loss": -log_expit(chosen - rejected),
        },
        {
            "query": frame["text"].tolist(),
            "rejected": frame["rejected"].tolist(),
            "chosen_reward": chosen,
            "rejected_reward": rejected,
            "chosen_length": lengths["chosen"],
            "rejected_length": lengths["rejected"],
            **{name: frame[name].tolist() for name in _SHOWN if name in frame},
        },
        origin,
        groups=frame["text"].tolist(),
    )
    scored = read_scored(table)
    figures = scored_metrics(scored)
    figures["ece"] = confidence_of(chosen - rejected).error
    correlation = length_correlation(scored.frame)
    return table, figures | ({} if np.isnan(correlation) else {"length_correlation": correlation})


def answers_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each answer of a table once: `query`, `answer`, `reward` and `length` (characters)."""
    ends = [
        pd.DataFrame(
            {
                "query": pairs["query"],
                "answer": pairs[column],
                "reward": pairs[f"{name}_reward"],
                "length": pairs[f"{name}_length"],
            }
        )
        for name, column in (("chosen", "truth"), ("rejected", "rejected"))
    ]
    return pd.concat(ends, ignore_index=True).drop_duplicates(["query", "answer"])


def length_correlation(pairs: pd.DataFrame) -> float:
    """Spearman's correlation of reward and length over the answers of a table, each once.

    NaN where all rewards, or all lengths, are equal.
    """
    answers = answers_of(pairs)
    if answers["reward"].nunique() < 2 or answers["length"].nunique() < 2:
        return float("nan")
    return float(spearmanr(answers["reward"], answers["length"]).statistic)


def confidence_of(margin: np.ndarray) -> ConfidenceBins:
    """Pairs by the probability that the model gives to the answer that it prefers.

    Args:
        margin: (pairs,) reward of the better answer less that of the worse one.
    """
    return bins_of(expit(np.abs(margin)), ranked(margin, np.zeros_like(margin)))
