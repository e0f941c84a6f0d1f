"""The chapter's own results."""

from tasks.config.base import Frozen


class ReferenceRow(Frozen):
    """One printed or logged result of the book's chapter."""

    name: str
    """The chapter's name for the run."""
    strategy: str | None = None
    """Thaw's name for what trained, or of the baseline that is the same (`untrained head`)."""
    metrics: dict[str, float]
    """Metric name -> the chapter's figure; of another part than test, `train/accuracy`."""


class ReferenceCheck(Frozen):
    """A text, and the reward that the chapter prints for it."""

    text: str
    """As the chapter has it."""
    reward: float
    """The whole reward, all parts weighted."""


class NotebookConfig(Frozen):
    """What the chapter's notebooks came to, where they were run again."""

    source: str = ""
    """Where the figures come from."""
    rows: tuple[ReferenceRow, ...] = ()
    """One row a run."""


class ReferenceConfig(Frozen):
    """The chapter's own results, shown beside ours: those that its text prints."""

    source: str = ""
    """Where the figures come from."""
    rows: tuple[ReferenceRow, ...] = ()
    """One row a run."""
    checks: tuple[ReferenceCheck, ...] = ()
    """Texts whose reward the chapter prints (cases that learn from rewards)."""
    notebook: NotebookConfig = NotebookConfig()
    """Figures of its notebooks, under a heading of their own."""
