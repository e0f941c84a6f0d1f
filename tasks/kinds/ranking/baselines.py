"""Rules that rank answers without a trained model: what a reward model has to be better than."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import spmatrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.word_model import READINGS, WordModel
from tasks.evaluation.wording import lower_is_better
from tasks.kinds.ranking.figures import pair_table
from tasks.kinds.ranking.training import untrained_reward
from tasks.training.arms import ArmSpec
from tasks.training.on_trainer import UNTRAINED

COIN, LONGER, SHORTER = "a coin", "longer answer", "shorter answer"
TFIDF = "TF-IDF + logistic regression"
RULES: dict[str, Callable[[str], float]] = {
    COIN: lambda answer: 0.0,
    LONGER: lambda answer: float(np.log1p(len(answer))),
    SHORTER: lambda answer: -float(np.log1p(len(answer))),
}
"""The reward of an answer by rules that do not read it, from its length in characters."""
NAMES = (UNTRAINED, *RULES, TFIDF)
"""Every baseline, in the order in which tables show them."""

Rewards = Callable[[Sequence[str]], np.ndarray]


def baseline_outcome(name: str, spec: ArmSpec, strengths: Sequence[float], run_id: str) -> Outcome:
    """Measure one baseline.

    Args:
        name: one of `NAMES`.
        spec: any arm of the sweep: it names the parts, and the head that is left untrained.
        strengths: inverse regularisation strengths to try for logistic regression.
        run_id: the tracking run that will hold the evidence.
    """
    if name == UNTRAINED:
        return untrained_reward(spec, run_id)
    started = time.perf_counter()
    rewards, parameters = _rule(name) if name in RULES else _of_words(spec, strengths)
    metrics = {
        "cost/train_seconds": time.perf_counter() - started,
        "cost/trainable_parameters": float(parameters),
    }
    tables = {}
    for part, short in (("validation", "val"), ("test", "test")):
        frame = getattr(spec, part).read(["chosen", "rejected"])
        chosen, rejected = (rewards(frame[end].tolist()) for end in ("chosen", "rejected"))
        tables[part], figures = pair_table(
            getattr(spec, part), chosen, rejected, f"{name} on {part}"
        )
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=name,
        kind="baseline",
        run_id=run_id,
        metrics=metrics,
        validation=tables["validation"],
        test=tables["test"],
    )


def strongest_rule(outcomes: Sequence[Outcome], metric: str) -> Outcome:
    """The best of the rules that do not read answers, by a test metric: the least to be beaten."""
    sign = -1 if lower_is_better(metric) else 1
    rules = [outcome for outcome in outcomes if outcome.name in RULES]
    return max(rules, key=lambda outcome: sign * outcome.metrics.get(metric, -sign * np.inf))


def _rule(name: str) -> tuple[Rewards, int]:
    return lambda answers: np.array([RULES[name](answer) for answer in answers]), 0


def _of_words(spec: ArmSpec, strengths: Sequence[float]) -> tuple[Rewards, int]:
    model = fit_words(spec, strengths)
    return lambda answers: model.logits(list(answers))[:, 0], model.weights.size


def fit_words(spec: ArmSpec, strengths: Sequence[float]) -> WordModel:
    """Bradley-Terry on bags of words: logistic regression on the difference of two answers' TF-IDF.

    Of a pair and its mirror image one is right and one wrong, so that there is nothing to learn
    from the order, and no intercept. The strength is chosen by the loss on validation.
    """
    vectorizer = TfidfVectorizer(**READINGS["words"])
    train = spec.train.read(["chosen", "rejected"])
    vectorizer.fit([*train["chosen"], *train["rejected"]])

    def differences(part: str) -> spmatrix:
        frame = getattr(spec, part).read(["chosen", "rejected"])
        chosen, rejected = (vectorizer.transform(frame[end]) for end in ("chosen", "rejected"))
        return chosen - rejected

    seen, held_out = differences("train"), differences("validation")
    sign = np.where(np.arange(seen.shape[0]) % 2, 1, -1)
    signed = seen.multiply(sign[:, None]).tocsr()
    models = [
        LogisticRegression(C=strength, fit_intercept=False, max_iter=1000).fit(signed, sign)
        for strength in strengths
    ]
    best = min(models, key=lambda model: np.logaddexp(0, -model.decision_function(held_out)).mean())
    return WordModel(
        words=tuple(vectorizer.get_feature_names_out().tolist()),
        idf=vectorizer.idf_,
        weights=best.coef_,
        intercepts=np.zeros(1),
        columns=np.zeros(1, dtype=int),
        constants=np.zeros(1),
        exclusive=False,
    )
