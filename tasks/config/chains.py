"""Cases that are chains of cases: `conf/sawyer.yaml` names the stages, and each is a case itself.

    load_chain("sawyer", "sample", ["sft.training.epochs=1", "rl.rl.steps=20"])

An override names the stage first, then the field as the stage's own flow would have it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SerializeAsAny, ValidationError

from tasks.config import CaseConfig, ScheduleConfig
from tasks.config.base import Frozen
from tasks.config.case_files import CHAINS, read_case_file
from tasks.config.loading import load_case, parse_overrides
from tasks.errors import RequestError
from tasks.wording import nearest


class ChainFile(Frozen):
    """What `conf/<chain>.yaml` says."""

    title: str
    """One line, as `thaw list` shows it."""
    stages: dict[str, str]
    """Name of each stage -> the case that it runs, in their order."""
    schedule: ScheduleConfig = ScheduleConfig()


class ChainConfig(Frozen):
    """Everything that one run of a chain needs to know."""

    case: str
    """The chain's name: that of its file, flow and experiment."""
    title: str
    """One line, as `thaw list` shows it."""
    schedule: ScheduleConfig
    stages: dict[str, SerializeAsAny[CaseConfig]]
    """Name of each stage -> its resolved configuration, in the order in which they run."""

    @property
    def last(self) -> CaseConfig:
        """The stage that answers."""
        return list(self.stages.values())[-1]


def is_chain(case: str) -> bool:
    """Whether that name is a chain's."""
    return case in CHAINS


def stage_cases(chain: str) -> dict[str, str]:
    """Name of each of the chain's stages -> its case, in their order."""
    return _read(chain).stages


def load_chain(
    chain: str, profile: str | None = None, overrides: Sequence[str] | Mapping[str, Any] = ()
) -> ChainConfig:
    """The resolved configuration of every stage, so that all are refused before one starts.

    Args:
        chain: its name.
        profile: of every stage.
        overrides: `stage.field=value` texts, or the same as a nested mapping.

    Raises:
        RequestError: an unknown stage; or see `load_case`, for the first stage that has it.
    """
    file = _read(chain)
    chosen = overrides if isinstance(overrides, Mapping) else parse_overrides(overrides)
    check_stages(chosen, chain)
    stages = {}
    for stage, case in file.stages.items():
        try:
            stages[stage] = load_case(case, profile, chosen.get(stage, {}))
        except RequestError as error:
            raise RequestError(f"{chain}, stage {stage}: {error}") from error
    return ChainConfig(case=chain, title=file.title, schedule=file.schedule, stages=stages)


def check_stages(tree: Mapping[str, Any], chain: str) -> None:
    """Refuse overrides that do not begin with a stage of the chain.

    Raises:
        RequestError: the first such name.
    """
    stages = stage_cases(chain)
    for stage, fields in tree.items():
        if stage not in stages or not isinstance(fields, Mapping):
            raise RequestError(
                f"{chain} has no field {stage} of its own{nearest(stage, stages)}: begin with "
                f"one of its stages, {', '.join(stages)} ({list(stages)[-1]}.seeds=[1])."
            )


def load_any(
    case: str, profile: str | None = None, overrides: Sequence[str] | Mapping[str, Any] = ()
) -> CaseConfig | ChainConfig:
    """The configuration of a case or a chain."""
    load = load_chain if is_chain(case) else load_case
    return load(case, profile, overrides)


def answering_case(case: str, profile: str | None = None) -> CaseConfig:
    """The case whose champion answers under that name: a chain's is its last stage."""
    return load_chain(case, profile).last if is_chain(case) else load_case(case, profile)


def _read(chain: str) -> ChainFile:
    try:
        return ChainFile.model_validate(read_case_file(chain))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RequestError(f"conf/{chain}.yaml, {where}: {first['msg']}.") from error
