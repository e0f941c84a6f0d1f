"""A Prefect server for one run: the program that `flows/server.py` starts in a process of its own.

It writes its port to standard output, and ends when standard input does: the run holds the other
end, which the system closes however the run comes to its end, `kill -9` included. Nothing of Thaw
is imported, and the watch stands before the libraries, which take seconds, are loaded.
"""

import os
import signal
import socket
import sys
import threading
import time

GRACE = 5.0
"""Seconds that the server has to close what it holds open."""


def end_with_the_run() -> None:
    """Wait until nobody holds the other end of standard input; then end this process."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


def main() -> None:
    """Serve on a free port of this machine until the run ends."""
    threading.Thread(target=end_with_the_run, daemon=True).start()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads any further
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run([listening])


if __name__ == "__main__":
    main()
