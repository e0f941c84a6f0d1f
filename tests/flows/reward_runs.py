"""Scored answers that a tiny reward model can learn to rank, and its runs."""

import json
from pathlib import Path
from typing import Any

from genre_runs import Answer, options, thaw

GOOD = ("the girl is good", "it is the other name", "a friend of the girl")
BAD = ("and then of", "never and of that", "of of and")
QUESTION = "what is number 3"


def records(number: int = 24) -> list[dict[str, Any]]:
    """Queries with three scored answers each, the best of which stands first, second or third."""
    rows = []
    for query in range(number):
        good, bad = GOOD[query % 3], BAD[query % 3]
        answers = [(good, 9, "a"), (f"{bad} {good}", 5, "b"), (bad, 2, "c")]
        answers = answers[query % 3 :] + answers[: query % 3]
        rows.append(
            {
                "user_input": f"### Instruction:\nwhat is number {query}\n\n### Response:",
                "responses_and_scores": [
                    {"response": text, "score": score, "source": source}
                    for text, score, source in answers
                ],
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run_reward(*overrides: str) -> Answer:
    return thaw("run", "sawyer_reward", *options(*overrides))
