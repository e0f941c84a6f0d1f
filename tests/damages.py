"""What a full or failing disk, or another program, does to a file."""

from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One bit in the middle, as a failing disk does it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace(path: Path) -> None:
    path.write_text("foreign")


DAMAGES: list[Damage] = [truncate, flip, Path.unlink, replace]
