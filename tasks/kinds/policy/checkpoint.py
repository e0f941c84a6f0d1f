"""What a killed run resumes from, and the best weights; written whole or not at all."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file

from tasks.config import RLConfig
from tasks.errors import RequestError
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward
from tasks.kinds.policy.rollout import Query
from tasks.storage import atomic_path, file_digest

STATE = "state.pt"
Curve = list[dict[str, float]]


class Progress(BaseModel):
    """How far a run is, beside its weights.

    Attributes:
        step: steps done.
        coefficient: of the KL penalty, for the next step.
        curve: figures of each step.
        held_out: figures of the held-out prompts, with `step`; the first is from before training.
        best: the step whose weights are the best, 0 for the untrained ones.
        exceeded: see `Guard`.
        stopped: the sentence with which a guard ended the run.
    """

    model_config = ConfigDict(extra="forbid")

    step: int = 0
    coefficient: float
    curve: Curve = []
    held_out: Curve = []
    best: int = 0
    exceeded: dict[str, int] = {}
    stopped: str | None = None


def fingerprint(
    policy: Policy,
    queries: Sequence[Query],
    held_out: Sequence[Query],
    rewards: Sequence[Reward],
    config: RLConfig,
) -> str:
    """SHA-256 of all that decides a run's course but the number of its steps.

    Taken before training: the weights it starts from are part of it.
    """
    sha = hashlib.sha256()
    sha.update(config.model_dump_json(exclude={"steps"}).encode())
    sha.update(repr([list(queries), list(held_out)]).encode())
    sha.update(repr([(reward.name, reward.weight, reward.identity) for reward in rewards]).encode())
    for name, value in policy.trained().items():
        sha.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        sha.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def save_state(
    folder: Path,
    key: str,
    progress: Progress,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
) -> None:
    """Write everything that the next step depends on; older best weights go.

    Raises:
        ThawError: the disk is full or the folder cannot be written.
    """
    best = _best_path(folder, progress.best)
    with atomic_path(folder / STATE) as partial:
        torch.save(
            {
                "key": key,
                "progress": progress.model_dump_json(),
                "trained": {name: value.detach() for name, value in policy.trained().items()},
                "optimizer": optimizer.state_dict(),
                "generators": [generator.get_state() for generator in generators],
                "best": file_digest(best) if best.exists() else "",
            },
            partial,
        )
    for found in folder.glob("best-*.safetensors"):
        if found != best:
            found.unlink()


def load_state(
    folder: Path,
    key: str,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    generators: Sequence[torch.Generator],
) -> Progress | None:
    """Put back what `save_state` wrote, in place; None where nothing was.

    A damaged state, or one whose best weights are damaged, is as good as none.

    Raises:
        RequestError: the folder holds another run.
    """
    found = _undamaged(folder, policy.device)
    if found is None:
        return None
    if found["key"] != key:
        raise RequestError(
            f"{folder} holds a run with other settings, prompts, rewards or weights: give this "
            "one a folder of its own, or delete that one."
        )
    _put(policy, found["trained"])
    optimizer.load_state_dict(found["optimizer"])
    for generator, state in zip(generators, found["generators"], strict=True):
        generator.set_state(state.cpu())
    return Progress.model_validate_json(found["progress"])


def _undamaged(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """What `save_state` wrote, if it and the best weights are there as they were written."""
    path = folder / STATE
    try:
        with zipfile.ZipFile(path) as archive:  # torch writes one, with a checksum for each tensor
            if archive.testzip() is not None:
                return None
        found: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        best = Progress.model_validate_json(found["progress"]).best
        if found.get("best") and found["best"] != file_digest(_best_path(folder, best)):
            return None
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, UnpicklingError):
        return None
    except (ValueError, KeyError, TypeError):  # a file of torch's, but none of ours
        return None
    return found


def save_best(folder: Path, step: int, policy: Policy) -> None:
    """Keep the weights of a step that is the best so far."""
    kept = {name: value.detach().cpu().contiguous() for name, value in policy.trained().items()}
    with atomic_path(_best_path(folder, step)) as partial:
        save_file(kept, partial, metadata={"format": "pt"})


def load_best(folder: Path, step: int, policy: Policy) -> None:
    """Give the policy the weights that `save_best` kept."""
    _put(policy, load_file(_best_path(folder, step)))


def _best_path(folder: Path, step: int) -> Path:
    return folder / f"best-{step}.safetensors"


@torch.no_grad()
def _put(policy: Policy, weights: dict[str, torch.Tensor]) -> None:
    for name, value in policy.trained().items():
        value.copy_(weights[name])
