"""Comparisons of answers in the layouts they come in, read as pairs of a better and a worse one.

| layout | a record |
|---|---|
| scored | `user_input`, `responses_and_scores`: `[{"response", "score", "source"}, ...]` |
| pairs | `instruction` (and `input`), or `prompt`; `chosen`, `rejected`, and maybe `source` |
| pairs | `chosen`, `rejected`, lists of messages or `Human:`/`Assistant:` transcripts |

The layout is told from the fields. Where the two answers are chats, what both begin with is the
query, behind the `prompt` where there is one that they do not repeat. `scored` is that of
comparison_data_v2.json, from Instruction-Tuning-with-GPT-4. Of its responses every two make a pair,
whichever of them stands first in the file: the one with the higher score is chosen. (The chapter
kept a pair only where the earlier response was the better one. Since the sources always stand in
the same order, its strongest source could hardly lose, and its model learned that.)
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.cleaning import clean
from tasks.ingestion.delimited import shown_columns
from tasks.ingestion.layout_roles import Carried, check_layout_roles
from tasks.ingestion.layouts import opening
from tasks.ingestion.numbered import (
    BadRecordError,
    Record,
    Unread,
    text_of,
    usable_records,
    with_input,
)
from tasks.ingestion.turns import (
    Turn,
    in_turn,
    is_chat,
    is_transcript,
    transcript,
    turns_of,
    with_history,
)
from tasks.texts import identity

ROLES = ("query", "chosen", "rejected")
OPTIONAL = ("gap", "chosen_source", "rejected_source")
COLUMNS = (
    "user_input",
    "responses_and_scores",
    "instruction",
    "input",
    "prompt",
    "chosen",
    "rejected",
    "messages",
    "conversations",
    "system",
    "source",
)
"""Every field that a layout reads."""
_TWO = ("chosen", "rejected")
_SCORED = ("user_input", "responses_and_scores")
_READ = {"scored": _SCORED, "pairs": tuple(name for name in COLUMNS if name not in _SCORED)}
_INSTRUCTION, _INPUT = "### Instruction:\n", "### Input:\n"
_RESPONSE = re.compile(r"\s*### Response:\s*$")


class Pair(NamedTuple):
    """Two answers to one query, the better one first.

    `gap` is by how much its score is higher; None where the data has no scores. `places` says
    which responses of the record they were, from 1; `carried` is what the split alone reads.
    """

    query: str
    chosen: str
    rejected: str
    gap: float | None
    chosen_source: str | None
    rejected_source: str | None
    places: str
    carried: tuple[str | None, ...] = ()


class _Response(NamedTuple):
    text: str
    score: float
    source: str | None


@dataclass
class _Reader:
    """Makes pairs of records, and counts those that say nothing."""

    config: DataConfig
    path: Path | str
    turn_names: tuple[str, str]
    layout: str = ""
    unread: Unread = field(default_factory=Unread)
    ties: int = 0
    equal: int = 0

    renamed: Mapping[str, str] = field(init=False)
    carried: Carried = field(init=False)

    def __post_init__(self) -> None:
        self.renamed = {given: known for known, given in self.config.columns.items()}
        self.carried = Carried(self.config.carried)

    def __call__(self, record: Record) -> list[Pair]:
        cells = self.carried.cells(record)
        return [pair._replace(carried=cells) for pair in self._pairs(record)]

    def _pairs(self, record: Record) -> list[Pair]:
        record = {self.renamed.get(name, name): value for name, value in record.items()}
        self.layout = self.layout or layout_of(self.path, record)
        self.unread.see(record, (*_READ[self.layout], *self.config.carried.values()))
        if self.layout == "scored":
            return self._scored(record)
        return [self._pair(record)]

    def _scored(self, record: Record) -> list[Pair]:
        query = query_of(text_of(record, "user_input"))
        given = record.get("responses_and_scores")
        if not query:
            raise BadRecordError("user_input asks nothing")
        if not isinstance(given, list):
            raise BadRecordError("responses_and_scores is not a list")
        responses = [self._response(each, number) for number, each in enumerate(given, 1)]
        if len(responses) < 2:
            raise BadRecordError(
                f"the query has {'one response' if responses else 'no response'}, and a comparison "
                "needs two"
            )
        pairs = []
        for (one, first), (other, second) in combinations(enumerate(responses, 1), 2):
            if first.score == second.score:
                self.ties += 1
            elif identity(first.text) == identity(second.text):
                self.equal += 1
            elif first.score > second.score:
                pairs.append(_ranked(query, first, second, f"{one}-{other}"))
            else:
                pairs.append(_ranked(query, second, first, f"{other}-{one}"))
        return pairs

    def _response(self, given: Any, number: int) -> _Response:
        if not isinstance(given, dict):
            raise BadRecordError(f"response {number} is no object with response and score")
        text = given.get("response")
        cleaned = clean(text, self.config) if isinstance(text, str) else ""
        if not cleaned:
            raise BadRecordError(f"response {number} is empty")
        source = given.get("source")
        return _Response(cleaned, _score(given, number), str(source) if source else None)

    def _pair(self, record: Record) -> Pair:
        query, *answers = self._asked(record)
        chosen, rejected = (clean(answer, self.config) for answer in answers)
        for name, text in (("chosen", chosen), ("rejected", rejected)):
            if not text:
                raise BadRecordError(f"{name} is empty")
        if identity(chosen) == identity(rejected):
            raise BadRecordError("chosen and rejected are the same answer")
        source = str(record["source"]) if record.get("source") else None
        return Pair(query, chosen, rejected, None, source, source, "")

    def _asked(self, record: Record) -> tuple[str, str, str]:
        """The query and the two answers, whatever form they are written in."""
        asked = _before(record)
        chats = [_chat(record, name) for name in _TWO]
        if len({chat is None for chat in chats}) > 1:
            raise BadRecordError("one of chosen and rejected is a chat, and the other is a text")
        ends = []
        for chat, name in zip(chats, _TWO, strict=True):
            turns = [Turn("assistant", text_of(record, name))] if chat is None else chat
            ends.append(_behind(asked, turns))
        (*before, chosen), (*as_before, rejected) = ends
        if before != as_before:
            raise BadRecordError("chosen and rejected differ before their last answer")
        said = in_turn([*before, chosen], opening(record))
        in_turn([*before, rejected])
        return with_history(said[:-1], self.turn_names), chosen.said, rejected.said


def _before(record: Record) -> list[Turn]:
    """What is asked, where it has a field of its own; else nothing."""
    for name in ("messages", "conversations", "prompt"):
        if is_chat(record.get(name)):
            return turns_of(record, name)
    if "prompt" in record:
        return [Turn("user", text_of(record, "prompt"))]
    return [Turn("user", with_input(record))] if "instruction" in record else []


def _chat(record: Record, name: str) -> list[Turn] | None:
    """The turns of an answer that is a chat; None for a plain text."""
    value = record.get(name)
    if is_chat(value):
        return turns_of(record, name)
    return transcript(value) if isinstance(value, str) and is_transcript(value) else None


def _behind(asked: list[Turn], turns: list[Turn]) -> list[Turn]:
    """An answer's turns behind what is asked, unless they repeat it themselves."""
    if not asked or not turns or turns[0].side == "assistant":
        return [*asked, *turns]
    if turns[: len(asked)] == asked or asked == turns[-1 - len(asked) : -1]:
        return turns
    raise BadRecordError("chosen and rejected begin with something else than prompt")


def layout_of(path: Path | str, record: Record) -> str:
    """The layout whose fields the record has."""
    names = record.keys()
    if {"user_input", "responses_and_scores"} <= names:
        return "scored"
    if {"chosen", "rejected"} <= names and (
        names & {"instruction", "prompt", "messages", "conversations"}
        or any(is_chat(record[name]) or is_transcript(record[name]) for name in _TWO)
    ):
        return "pairs"
    raise RequestError(
        f"{path} has the columns {shown_columns(names) or '(none)'}: user_input and "
        "responses_and_scores, or instruction (or prompt), chosen and rejected are needed "
        "(data.columns says which column is which; without a prompt, chosen and rejected are "
        "lists of messages or begin with Human:)."
    )


def query_of(user_input: str) -> str:
    """What is asked, without the frame that Alpaca's prompts have around it."""
    asked = user_input.rpartition(_INSTRUCTION)[2].replace(_INPUT, "")
    return _RESPONSE.sub("", asked).strip()


def _score(given: Mapping[str, Any], number: int) -> float:
    """A response's score: any finite number."""
    value = given.get("score")
    try:
        score = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise BadRecordError(f"the score of response {number} is {value!r}, which is no number")
    return score


def _ranked(query: str, better: _Response, worse: _Response, places: str) -> Pair:
    gap = better.score - worse.score
    return Pair(query, better.text, worse.text, gap, better.source, worse.source, places)


def read_comparisons(
    source: Path | pa.Table,
    config: DataConfig,
    turn_names: tuple[str, str] = ("Question", "Response"),
) -> tuple[pa.Table, str]:
    """Read comparisons as pairs.

    Args:
        source: from `sources.fetch`.
        config: `columns`, `on_bad_line`, how a file is read, and how answers are cleaned.
        turn_names: what stands before earlier questions and answers of a longer chat.

    Returns:
        `row` (int64, the line or record), `id`, `query`, `chosen`, `rejected` and (where the data
        has them) `gap`, `chosen_source`, `rejected_source`; and what was left out, in words.

    Raises:
        RequestError: unreadable, fields of no layout, a bad record (with its line), no pair.
    """
    path = source if isinstance(source, Path) else config.source
    reader = _Reader(config, path, turn_names)
    made = usable_records(source, reader, config.on_bad_line, config, config.source)
    found = [(line, pair) for line, pairs in made.found for pair in pairs]
    first: dict[tuple[str, str, str], tuple[int, Pair]] = {}
    for line, pair in found:
        first.setdefault((pair.query, pair.chosen, pair.rejected), (line, pair))
    kept = list(first.values())
    if not kept:
        raise RequestError(
            f"{path} holds no pair of a better and a worse answer: {reader.ties} pairs have equal "
            f"scores and {reader.equal} equal answers."
        )
    notes = [f"{reader.layout} layout"]
    notes += filter(None, [made.note, reader.unread.note])
    left_out = (
        (reader.ties, "have equal scores"),
        (reader.equal, "have equal answers"),
        (len(found) - len(kept), "repeat an earlier one"),
    )
    notes += [f"{count} pairs left out that {why}" for count, why in left_out if count]
    table = _table(kept)
    carried = reader.carried.arrays([pair.carried for _, pair in kept], path)
    for role, cells in carried.items():
        table = table.append_column(role, cells)
    return table, "; ".join(notes)


def _table(rows: list[tuple[int, Pair]]) -> pa.Table:
    lines, pairs = zip(*rows, strict=True)
    ids = [f"row-{line}{f'-{pair.places}' * bool(pair.places)}" for line, pair in rows]
    columns: dict[str, Any] = {"row": pa.array(lines, pa.int64()), "id": pa.array(ids, pa.string())}
    for name in (*ROLES, *OPTIONAL):
        cells = [getattr(pair, name) for pair in pairs]
        texts = [f"{cell:g}" if isinstance(cell, float) else cell for cell in cells]
        if name in ROLES or any(text is not None for text in texts):
            columns[name] = pa.array(texts, pa.string())
    return pa.table(columns)


def check_comparison_roles(config: DataConfig) -> None:
    """Refuse columns that no layout has, and roles other than those that comparisons come to."""
    check_layout_roles(config, "comparisons", COLUMNS, ROLES, OPTIONAL)
