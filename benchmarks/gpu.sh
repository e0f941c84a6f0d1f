#!/usr/bin/env bash
# The GPU paths on one GPU, with no network: full, freeze_4 with and without the trunk, lora, sft,
# PPO and questions about pictures, at the chapters' sizes with random weights. Prints seconds,
# tokens a second, peak memory and the share of the device's matrix rate; fails where a run gave
# the GPU nothing to do, and after eight minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
export THAW_OFFLINE=1 HF_HUB_OFFLINE=1
exec timeout 480 "$python" -m benchmarks.gpu "$@"
