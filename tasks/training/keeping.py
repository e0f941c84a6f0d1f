"""What an arm leaves on disk: its trained parameters, its outcome, and nothing else.

`outcome.json` is written last: an arm that has it is finished and is never trained again.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from tasks.errors import DivergedError, ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.storage import file_digest, is_sealed, require_free_space, write_text
from tasks.training.arms import ArmSpec
from tasks.training.building import DIGEST, TRAINED, is_trained
from tasks.training.callbacks import COMPLETE
from tasks.training.freezing import Freezing

OUTCOME = "outcome.json"
DIVERGED = "diverged.txt"
ADAM_COPIES = 3  # a checkpoint holds each trainable parameter and AdamW's two moments


def finished_outcome(spec: ArmSpec) -> Outcome | None:
    """The arm's outcome if it was trained before, and all that it left is there undamaged.

    It bears the arm's present name: another sweep may have trained it under another grid.
    """
    try:
        outcome = Outcome.model_validate_json((spec.folder / OUTCOME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    whole = outcome.validation.is_whole() and outcome.test.is_whole() and is_trained(spec.folder)
    if not whole or outcome.key != spec.key:
        return None
    return outcome.model_copy(update={"name": spec.name, "point": spec.point})


def standing_outcome(spec: ArmSpec, force: bool) -> Outcome | None:
    """What an arm came to before, or None where it has to be trained; ask before anything else.

    Args:
        spec: the arm.
        force: train it anew: what it left goes.

    Raises:
        DivergedError: it did before, and would once more.
    """
    if force:
        shutil.rmtree(spec.folder, ignore_errors=True)
        return None
    done = finished_outcome(spec)
    if done is not None:
        forget_checkpoints(spec)
    elif (spec.folder / DIVERGED).exists():
        raise DivergedError((spec.folder / DIVERGED).read_text(encoding="utf-8"))
    return done


@contextmanager
def divergence_kept(spec: ArmSpec) -> Iterator[None]:
    """Write down why an arm has diverged: its seed would lead it there once more."""
    try:
        yield
    except DivergedError as error:
        write_text(spec.folder / DIVERGED, str(error))
        forget_checkpoints(spec)
        raise


def keep_outcome(spec: ArmSpec, outcome: Outcome) -> None:
    """Write specification and outcome of an arm that is done, and let its checkpoints go."""
    write_text(spec.folder / DIGEST, file_digest(spec.folder / TRAINED))
    write_text(spec.folder / "arm.json", spec.model_dump_json(indent=2))
    write_text(spec.folder / OUTCOME, outcome.model_dump_json(indent=2))
    forget_checkpoints(spec)


def forget_checkpoints(spec: ArmSpec) -> None:
    """Remove a finished arm's checkpoints; a kill may have come before that."""
    for checkpoint in spec.folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def last_complete_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to the end; torn and damaged ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for checkpoint in found:
        if not is_sealed(checkpoint, COMPLETE):
            shutil.rmtree(checkpoint, ignore_errors=True)
    whole = [checkpoint for checkpoint in found if checkpoint.exists()]
    return whole[-1] if whole else None


def save_trained(spec: ArmSpec, model: nn.Module) -> int:
    """Write what trained, the head with it, and what was fitted; returns the file's size in bytes.

    A soft prompt of 20 x 768 float32 numbers is 61,440 bytes, and a linear head for two classes
    6,152; the names of the tensors add some hundred. `full` writes the whole model.
    """
    kept = {name for name, value in model.named_parameters() if value.requires_grad}
    kept |= getattr(model, "fitted", frozenset())
    state = {k: v.cpu().contiguous() for k, v in model.state_dict().items() if k in kept}
    with full_disk_explained(spec):
        spec.folder.mkdir(
            parents=True, exist_ok=True
        )  # no step was taken, so no checkpoint made it
        save_file(state, spec.folder / TRAINED)
    return (spec.folder / TRAINED).stat().st_size


def require_disk(spec: ArmSpec, freezing: Freezing) -> None:
    """Refuse to train what the disk cannot hold the checkpoints of.

    Raises:
        RequestError: with what is needed and what is free.
    """
    # Two checkpoints stand on disk while the third is written and the oldest not yet removed.
    needed = freezing.trainable * 4 * ADAM_COPIES * 3
    require_free_space(spec.folder, needed, f"Checkpoints of {spec.title}")


@contextmanager
def full_disk_explained(spec: ArmSpec) -> Iterator[None]:
    """What a full disk raises, as a sentence: each library that writes has its own way."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise ThawError(_write_failure(spec, error)) from error
    except RuntimeError as error:  # torch.save's writer
        if not re.search("space|write|writing|inline_container", str(error)):
            raise
        raise ThawError(_write_failure(spec, error)) from error


def _write_failure(spec: ArmSpec, error: Exception) -> str:
    return (
        f"What {spec.title} learned could not be written below {spec.folder} ({error}); "
        "free some space or set THAW_STORE to a larger disk, then run the same command to resume."
    )
