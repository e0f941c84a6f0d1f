"""The one place that reaches the outside world: files by URL, the hub, wheels, OpenAI's API.

Everything here has time-outs, a cache under `tasks.paths.cache_dir()`, a checksum where one is
known, and a sentence for the user when the other side cannot be reached. `THAW_OFFLINE=1` keeps
all of it to what is cached.
"""

from tasks.network.archives import unpack_member
from tasks.network.hub import hub_dataset, hub_snapshot
from tasks.network.transfer import download
from tasks.network.wheels import pip_wheel

__all__ = ["download", "hub_dataset", "hub_snapshot", "pip_wheel", "unpack_member"]
