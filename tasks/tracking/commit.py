"""The commit of the checkout that runs."""

import subprocess
from functools import cache

from tasks.paths import project_root


@cache
def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` if files differ from it; None outside a checkout."""
    root = project_root()
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout.strip()

    try:
        dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "HEAD") + dirty
    except (OSError, subprocess.SubprocessError):
        return None
