"""The chapter's own results."""

from tasks.config.base import Frozen


class ReferenceRow(Frozen):
    """One logged result of the book's chapter."""

    name: str
    """The chapter's name for the run."""
    strategy: str | None = None
    """Thaw's name for what trained."""
    metrics: dict[str, float]
    """Metric name -> the chapter's figure."""


class ReferenceConfig(Frozen):
    """The chapter's own results, shown beside ours."""

    source: str = ""
    """Where the figures come from."""
    rows: tuple[ReferenceRow, ...] = ()
    """One row a run."""
