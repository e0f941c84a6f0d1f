"""Flows: one module a case, the chain they share, and the command line."""

import tasks  # noqa: F401 - switches telemetry off before any library reads its switch
