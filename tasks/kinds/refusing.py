"""What several kinds refuse before anything is fetched or trained."""

from collections.abc import Mapping, Sequence

from tasks.config import CaseConfig
from tasks.errors import RequestError


def refuse_without_effect(
    config: CaseConfig, fields: Mapping[str, tuple[object, str, str]]
) -> None:
    """Refuse fields that mean nothing in a case.

    Args:
        config: the case.
        fields: `section.field` -> the value that has no effect, what to set instead, and why.

    Raises:
        RequestError: the first of them.
    """
    for field, (value, instead, reason) in fields.items():
        section, _, name = field.partition(".")
        if getattr(getattr(config, section), name) == value:
            raise RequestError(
                f"{field}={str(value).lower()} has no effect in {config.case}, since {reason}: "
                f"use {instead}."
            )


def require_judge(config: CaseConfig, judges: Sequence[str]) -> None:
    """Refuse to register by a metric that cannot say which of two models stands.

    Args:
        config: the case.
        judges: short names of those that can.

    Raises:
        RequestError: with the names.
    """
    primary = config.evaluation.primary
    if config.registry.enabled and primary not in (known := [f"test/{name}" for name in judges]):
        raise RequestError(
            f"evaluation.primary={primary} cannot decide which model stands: use one of "
            f"{', '.join(known)}, or set registry.enabled=false."
        )
