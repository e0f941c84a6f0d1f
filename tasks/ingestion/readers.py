"""Any supported file as a table of text: the format is told from the extension or configured.

Values stay exactly what they are in the file: 007 keeps its zeros, and "NA" and "null" are text.
The one rule for all formats: an empty cell is null.
"""

from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.columnar import read_parquet
from tasks.ingestion.delimited import Choose, read_delimited
from tasks.ingestion.records import read_json, read_json_lines
from tasks.ingestion.sources import require_file

FORMAT_OF_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def read_file(path: Path, config: DataConfig, choose: Choose) -> pa.Table:
    """The columns that `choose` picks, all of type string, in the order of the file's records.

    Args:
        path: a CSV, TSV, JSON, JSONL or Parquet file.
        config: its `format`, `separator`, `header`, `quotes_are_text`, and (for labels that are
            lists) `label_role` and `label_separator`.
        choose: called with the names of all columns, before any value is converted.

    Raises:
        RequestError: anything that keeps the file from being read, with line or record.
    """
    require_file(path)
    try:
        match config.format or _told_from_suffix(path):
            case "csv":
                return read_delimited(path, config, ",", choose)
            case "tsv":
                return read_delimited(path, config, "\t", choose)
            case "json":
                return read_json(path, config, choose)
            case "jsonl":
                return read_json_lines(path, config, choose)
            case _:
                return read_parquet(path, config, choose)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}.") from error


def _told_from_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in FORMAT_OF_SUFFIX:
        raise RequestError(
            f"{path} has {f'the extension {suffix}' if suffix else 'no extension'}, which does not "
            f"say its format: Thaw reads {', '.join(FORMAT_OF_SUFFIX)}; for one of these under "
            "another name set data.format."
        )
    return FORMAT_OF_SUFFIX[suffix]
