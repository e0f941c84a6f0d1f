"""No library phones home, whatever the user's environment says."""

import os
import subprocess
import sys

import pytest

from tasks.environment import QUIET_DEFAULTS, TELEMETRY_SWITCHES, silence_telemetry


def test_telemetry_is_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TELEMETRY_SWITCHES, *QUIET_DEFAULTS):
        monkeypatch.setenv(name, "the user's own")
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    silence_telemetry()
    assert {name: os.environ[name] for name in TELEMETRY_SWITCHES} == TELEMETRY_SWITCHES
    assert os.environ["MLFLOW_LOGGING_LEVEL"] == "the user's own"  # only a default
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


def test_the_libraries_see_the_switches() -> None:
    program = (
        "from tasks.environment import silence_telemetry; silence_telemetry()\n"
        "from huggingface_hub import constants\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY and is_telemetry_disabled()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
