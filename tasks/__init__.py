"""The parts of Thaw's chain: each task is a small function over references to stored data."""

from tasks.environment import silence_telemetry
from tasks.secrets import guard_logs

silence_telemetry()
guard_logs()
