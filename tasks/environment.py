"""Process-wide environment: no library that Thaw uses may phone home.

Imported before any of those libraries, because several read their switch at import time.
"""

import os

TELEMETRY_SWITCHES = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "FALSE",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TRACKIO_DISABLED": "1",
}

QUIET_DEFAULTS = {
    # The tokenizers library forks its thread pool and then warns about every later fork.
    "TOKENIZERS_PARALLELISM": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


def silence_telemetry() -> None:
    """Switch every library's telemetry off, whatever the user's environment says."""
    os.environ.update(TELEMETRY_SWITCHES)
    for name, value in QUIET_DEFAULTS.items():
        os.environ.setdefault(name, value)
