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

MOST_BYTES = 30_000_000
"""Of a file that is read for this alone: what is longer takes longer than what it would save."""
_OF_CLASSES = ("multi_label", "single_label")


def look(config: CaseConfig) -> None:
    """Refuse a case whose local file is not there, or is not what the case says of it.

    The run reads it again and says what it found.

    Raises:
        RequestError: as ingestion raises it; or it has one class alone, or not the positive one.
        ThawError: the store cannot be written.
    """
    data = config.data
    if data.path is None or config.task == "vqa":  # a folder, whose pictures take their time
        return
    if require_file(data.path).stat().st_size > MOST_BYTES:
        return
    language = getattr(config, "language", LanguageConfig())
    raw = ingest(data, config.split.seed, (language.source_name, language.target_name))
    if config.task in _OF_CLASSES:
        _, usable = usable_examples(prepare(raw, data), data)
        labels = list(usable.labels)
        if config.task == "single_label" and len(labels) == 1:
            raise RequestError(
                f"All usable rows of {data.path} have the label {labels[0]}, and at least two "
                "labels are needed to tell apart: check data.label_role, data.labels and data.keep."
            )
        positive_index(labels, data.positive)
