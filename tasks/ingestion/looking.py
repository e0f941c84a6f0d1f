"""A first look at a file of one's own, before a server starts and the large libraries are imported:
what cannot be read is refused within seconds.
"""

from tasks.config import CaseConfig, LanguageConfig
from tasks.config.data import positive_index
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.sources import require_file
from tasks.ingestion.usable import usable_examples
from tasks.paths import conf_file, shipped_conf
from tasks.storage import TableRef
from tasks.wording import shown

MOST_BYTES = 30_000_000
"""Of a file that is read for this alone: what is longer takes longer than what it would save."""


def look(config: CaseConfig) -> None:
    """Refuse a case whose local file is not there, or is not what the case says of it.

    The run reads it again and says what it found.

    Raises:
        RequestError: as ingestion raises it; or it has one class alone, or not the positive one.
        ThawError: the store cannot be written.
    """
    data = config.data
    if data.path is None or not config.reads_file:  # pictures take their time
        return
    if require_file(data.path).stat().st_size > MOST_BYTES:
        return
    language = getattr(config, "language", LanguageConfig())
    raw = ingest(data, config.split.seed, (language.source_name, language.target_name))
    if config.has_classes:
        prepared = prepare(raw, data)
        _refuse_labels_outside(prepared, config)
        _, usable = usable_examples(prepared, data)
        labels = list(usable.labels)
        if not config.has_several_labels and len(labels) == 1:
            raise RequestError(
                f"All usable rows of {data.path} have the label {labels[0]}, and at least two "
                "labels are needed to tell apart: check data.label_role, data.labels and data.keep."
            )
        positive_index(labels, data.positive)


def _refuse_labels_outside(prepared: TableRef, config: CaseConfig) -> None:
    """As Thaw's own suites block them; one of the user's own may let them pass."""
    closed, suite = config.data.labels, config.validation.suite or config.case
    if closed is None or conf_file(f"expectations/{suite}.json").parents[1] != shipped_conf():
        return
    rows = prepared.read(["row", "labels"])
    outside = [
        (row, label)
        for row, labels in zip(rows["row"], rows["labels"], strict=True)
        for label in labels
        if label not in closed
    ]
    if outside:
        row, label = outside[0]
        more = f" (so are {len(outside) - 1:,} more)" if len(outside) > 1 else ""
        raise RequestError(
            f"{config.data.path}, row {row}: the label {shown(label)} is none of data.labels "
            f"({', '.join(closed)}){more}: correct it, map it with data.rename_labels, or change "
            "data.labels."
        )
