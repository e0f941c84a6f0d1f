"""Tracking: the only room that talks to MLflow's tracking store and registry.

Runs are addressed by id and never through MLflow's notion of an active run: that one belongs to
a thread, and a metric logged outside it mints a phantom run. A sweep is a parent run, an arm a
child run of it. The modules that MLflow itself loads, `packaged.py` and `packaged_writer.py` in
`tasks/registry/`, are the only others that import mlflow.
"""

from tasks.tracking.commit import git_commit
from tasks.tracking.store import FAILED, FINISHED, KILLED, RUNNING
from tasks.tracking.tracker import MODEL_CARD, Tracker

__all__ = ["FAILED", "FINISHED", "KILLED", "MODEL_CARD", "RUNNING", "Tracker", "git_commit"]
