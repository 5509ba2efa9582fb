"""Caddy's own output: a file that WakeDock opens, with a bound."""

import contextlib
import json
import os
import shutil
from pathlib import Path

MAX_BYTES = 5_000_000


def open_output(path: Path) -> int:
    """A descriptor that appends to the file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def bound_output(path: Path, *, limit: int = MAX_BYTES) -> None:
    """Keep one older file, and begin the file anew where it is over the limit. The writer appends, so it goes on at the new beginning."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def last_words(path: Path, start: int) -> str:
    """What was written since the file was `start` bytes long: its last lines, without chatter."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return f"its output in {path} cannot be read"
    return " / ".join(plain(line) for line in lines if not line.startswith('{"level":"info"')) or "it did not say why"


def plain(line: str) -> str:
    """What a line of Caddy's output says, without the time and the level."""
    try:
        entry = json.loads(line)
        return ": ".join(str(entry[field]) for field in ("msg", "error") if entry.get(field))
    except (ValueError, AttributeError):
        return line.strip().removeprefix("Error: ")
