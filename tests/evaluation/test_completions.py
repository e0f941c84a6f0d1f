"""Figures of answers: means over rows, losses over tokens, alike at once and resampled."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import EvaluationConfig
from tasks.evaluation.bootstrap import intervals, resample
from tasks.evaluation.completions import (
    COMPLETION_METRICS,
    OF_TOKENS,
    SCORES,
    completion_metrics,
    put_completions,
    read_completions,
)
from tasks.evaluation.nearness import nearness
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.weighted import Figures, metric_names
from tasks.texts import distinct, text_scores


def frame(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    tokens = random.integers(1, 9, rows)
    return pd.DataFrame(
        {
            "id": [f"r{n}" for n in range(rows)],
            "normalised_match": random.integers(0, 2, rows).astype(float),
            "exact_match": random.integers(0, 2, rows).astype(float),
            "edit_similarity": random.random(rows),
            "parses": random.integers(0, 2, rows).astype(float),
            "stops": random.integers(0, 2, rows).astype(float),
            "nats": random.random(rows) * tokens,
            "tokens_of_loss": tokens.astype(float),
            "right_tokens": random.integers(0, tokens + 1).astype(float),
            "whole_nats": random.random(rows) * 20,
            "whole_tokens": tokens + 10.0,
        }
    )


@given(st.integers(1, 12), st.integers(0, 99), st.data())
def test_weights_count_a_row_as_often_as_they_say(
    rows: int, seed: int, data: st.DataObject
) -> None:
    table = frame(rows, seed)
    times = data.draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows).filter(any))
    names = (*SCORES["latex"], *OF_TOKENS)
    weighted = Figures.of_completions(table, names).at(np.array([times], float).T)
    repeated = completion_metrics(table.loc[np.repeat(table.index, times)])
    assert dict(zip(names, weighted[:, 0], strict=True)) == pytest.approx(repeated)


@given(st.integers(2, 8), st.integers(0, 99), st.data())
def test_scores_are_those_of_the_rows_that_were_answered(
    rows: int, seed: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    answered = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows).filter(any))
    texts = [" ".join(random.choice(list("abc"), random.integers(1, 9))) for _ in range(rows)]
    wanted = [" ".join(random.choice(list("abc"), 5)) for _ in range(rows)]
    scores = {"stops": random.integers(0, 2, rows).astype(float)} | text_scores(texts)
    scores |= nearness(wanted, texts) | {"similarity": random.uniform(-1, 1, rows)}
    some = frame(rows, seed).drop(columns=[*SCORES["latex"]]).assign(generated=texts, **scores)
    some.loc[~np.array(answered), ["generated", *scores]] = None
    figures = completion_metrics(some)
    said = [text for text, known in zip(texts, answered, strict=True) if known]
    assert figures["words"] == pytest.approx(np.mean([len(text.split()) for text in said]))
    assert figures["distinct_1"] == pytest.approx(distinct(said, 1))
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows)))
    if (times * answered).sum():
        names = [name for name in SCORES["text"] if name != "distinct_2"]
        weighted = Figures.of_completions(some, names).at(times[:, None].astype(float))[:, 0]
        again = completion_metrics(some.loc[np.repeat(some.index, times)])
        assert weighted.tolist() == pytest.approx([again[name] for name in names])


def test_a_token_weighs_the_same_in_every_row() -> None:
    table = frame(2, 0).assign(nats=[1.0, 9.0], tokens_of_loss=[1.0, 3.0], right_tokens=[0.0, 3.0])
    figures = completion_metrics(table)
    assert figures["loss"] == 10 / 4
    assert figures["token_accuracy"] == 3 / 4
    assert figures["perplexity"] == pytest.approx(np.exp(2.5))


def test_a_figure_that_there_is_not_is_left_out() -> None:
    table = frame(3, 0).drop(columns=["stops", "parses"]).assign(whole_tokens=0.0, whole_nats=0.0)
    named = completion_metrics(table)
    assert {"stops", "parses", "whole_text_loss"} & named.keys() == set()
    values = Figures.of_completions(table, ("stops", "loss")).at(np.ones((3, 1)))
    assert np.isnan(values[0, 0])
    assert not np.isnan(values[1, 0])


def test_a_stored_table_comes_back() -> None:
    columns = {name: values.tolist() for name, values in frame(3, 0).drop(columns="id").items()}
    stored = put_completions(["a", "b", "c"], ["p"] * 3, ["x", "y", ""], columns, "rows")
    found = read_completions(stored)
    assert found.ids == ["a", "b", "c"]
    assert found.truth.tolist() == ["x", "y", ""]
    assert metric_names("completion", False) == COMPLETION_METRICS


def test_the_interval_of_a_count_of_words_is_about_it() -> None:
    texts = [" ".join("abcdefgh"[: 2 + n % 6]) for n in range(30)]
    scores = {"stops": np.ones(30)} | text_scores(texts)
    table = frame(30, 0).drop(columns=[*SCORES["latex"], "id"]).assign(generated=texts, **scores)
    columns = {name: values.tolist() for name, values in table.items()}
    stored = put_completions([f"r{n}" for n in range(30)], texts, texts, columns, "rows")
    outcome = Outcome(name="full", kind="arm", metrics={}, validation=stored, test=stored)
    config = EvaluationConfig(bootstrap=100)
    draws = resample(
        {"full": [outcome]}, ("words", "distinct_2"), config, scoring=Scoring("completion")
    )
    found = intervals(draws)["full"]
    assert 1 < found["words"].low < found["words"].mean < found["words"].high
    assert found["distinct_2"].low <= found["distinct_2"].mean <= found["distinct_2"].high <= 1
