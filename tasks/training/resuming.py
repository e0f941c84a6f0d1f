"""Going on from the last complete checkpoint."""

import json
import shutil
from pathlib import Path

from transformers import TrainerState

from tasks.training.arms import ArmSpec
from tasks.training.callbacks import COMPLETE
from tasks.training.trainer import ArmTrainer


def train_or_resume(trainer: ArmTrainer, spec: ArmSpec) -> None:
    """Train to the end, from the last complete checkpoint where there is one."""
    checkpoint = last_complete_checkpoint(spec.folder)
    if checkpoint is None:
        trainer.train()
        return
    if _stopped_early(checkpoint, spec.training.patience):
        # Trainer would go on for one more epoch: it forgets that it had decided to stop.
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        trainer._load_callback_state()
        trainer._load_best_model()
        return
    trainer.train(resume_from_checkpoint=str(checkpoint))


def last_complete_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to the end; torn ones are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for checkpoint in found:
        if not (checkpoint / COMPLETE).exists():
            shutil.rmtree(checkpoint, ignore_errors=True)
    whole = [checkpoint for checkpoint in found if checkpoint.exists()]
    return whole[-1] if whole else None


def _stopped_early(checkpoint: Path, patience: int | None) -> bool:
    if patience is None:
        return False
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    stopping = state["stateful_callbacks"].get("EarlyStoppingCallback", {})
    counter = stopping.get("attributes", {}).get("early_stopping_patience_counter", 0)
    return bool(counter >= patience)
