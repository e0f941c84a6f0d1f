"""Metrics that a configuration names and that there are not, refused before any training."""

import difflib
from collections.abc import Callable, Sequence

from tasks.config import CaseConfig
from tasks.errors import RequestError


def check_metric_names(
    config: CaseConfig,
    measured: Sequence[str],
    selecting: Sequence[str],
    need_of: Callable[[str], str | None],
) -> None:
    """Refuse a configuration whose metrics do not exist; cheap, so do it before any training.

    Args:
        config: the case.
        measured: short names of what is measured on the test part.
        selecting: of what is measured on validation.
        need_of: what a case would have to say for a metric that it does not measure.

    Raises:
        RequestError: with the nearest name that there is, or with what the metric needs.
    """
    fields = [("training.select_by", config.training.select_by, "val/")]
    fields += [("evaluation.primary", config.evaluation.primary, "test/")]
    fields += [("evaluation.table", f"test/{name}", "test/") for name in config.evaluation.table]
    for field, name, part in fields:
        known = [f"{part}{metric}" for metric in (selecting if part == "val/" else measured)]
        if name not in known:
            strip = part if field == "evaluation.table" else ""
            if need := need_of(name.removeprefix(part)):
                raise RequestError(f"{field} names {name.removeprefix(strip)}, which needs {need}.")
            close = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise RequestError(
                f"{field} names {name.removeprefix(strip)}, which is not measured "
                f"(did you mean {close.removeprefix(strip)}?)."
            )
