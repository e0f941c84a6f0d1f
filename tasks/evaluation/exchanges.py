"""The same prompts answered before and after training, side by side."""

from typing import NamedTuple

from tasks.evaluation.completions import read_completions
from tasks.evaluation.outcomes import Outcome


class Exchange(NamedTuple):
    """One prompt: what the data answers, what the untouched model wrote, and the trained one."""

    prompt: str
    expected: str
    before: str
    after: str


def exchanges(before: Outcome, after: Outcome) -> list[Exchange]:
    """The test prompts that both answered, in the order of the test part."""
    first, then = (read_completions(outcome.test).frame for outcome in (before, after))
    joined = first.merge(then, on="id", suffixes=("_before", "_after"))
    joined = joined[joined["generated_before"].notna() & joined["generated_after"].notna()]
    columns = ("prompt_after", "expected_after", "generated_before", "generated_after")
    return [Exchange(*row) for row in zip(*(joined[name] for name in columns), strict=True)]


def exchanges_markdown(made: list[Exchange], before: str, after: str) -> str:
    """A section a prompt, its texts quoted.

    Args:
        made: the exchanges.
        before, after: names of what wrote.
    """
    parts = [f"# {len(made)} test prompts, answered by {before} and by {after}"]
    for number, exchange in enumerate(made, 1):
        titles = ("Asked", "Expected", before, after)
        parts.append(f"## {number}")
        parts += [f"**{title}**\n\n{_quoted(t)}" for title, t in zip(titles, exchange, strict=True)]
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    """As a block that Markdown shows letter by letter."""
    return "\n".join(f"    {line}" for line in (text or "(nothing)").split("\n"))
