"""A case whose runs and models lie on a real PostgreSQL, from ingest to champion."""

from pathlib import Path

import pytest
from genre_runs import LEARNING, run_genre, synopses, write_csv

from tasks.limits import DESCRIPTION
from tasks.tracking import MODEL_CARD, Tracker


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_champion_with_a_long_card_is_made_on_postgres(
    quick: tuple[str, ...], postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seventy labels are too rare to learn, and the card names each: it exceeds a description."""
    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *arguments: None)
    rows = synopses()
    for number, row in enumerate(rows):
        row["genres"] += f", A genre with a long name that a single row carries, number {number:03}"
    data = write_csv(tmp_path / "series.csv", rows)
    answer = run_genre(
        *quick,
        *LEARNING,
        f"data.path={data}",
        "strategies=[full]",
        "registry.enabled=true",
        "registry.beats=floor",
        "evaluation.primary=test/roc_auc_macro",  # taken at no threshold
        f"tracking.uri={postgres}",
    )
    assert answer.code == 0, answer.err
    tracker = Tracker(postgres)
    champion = tracker.alias("genre", "champion")
    assert champion is not None, answer.out
    card = tracker.read_text(champion.run_id, MODEL_CARD)
    assert len(card) > DESCRIPTION >= len(champion.description)
    assert champion.description.endswith(f"among the artifacts of the run {champion.run_id}.")
    assert "number 071 (1)" in card
