"""Noticing that files and folders changed."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import watchfiles

from wakedock_operator.adapters.files.sources import SUFFIXES

DEBOUNCE_MS = 200
LOOK_AGAIN_MS = 2000


async def touched(paths: Sequence[Path]) -> AsyncGenerator[bool, None]:
    """Yield True when something changed in one of `paths`, and False every two seconds, for what no watch can tell.

    Folders are watched, not files: editors replace a file by a new one, and what is not there yet may come.
    The first value after each new set of watches is True, for what happened before they stood. Where no watch is possible, every value is.
    """
    while True:
        folders = _folders(paths)
        fresh = True
        watch = watchfiles.awatch(
            *folders,
            watch_filter=lambda _, path: _matters(Path(path), paths),
            debounce=DEBOUNCE_MS,
            step=DEBOUNCE_MS,  # also how often the library looks whether something came, which is what idling costs
            rust_timeout=LOOK_AGAIN_MS,
            yield_on_timeout=True,
            recursive=False,
        )
        try:
            async with aclosing(watch) as looks:
                async for changes in looks:
                    yield fresh or bool(changes)
                    fresh = False
                    if _folders(paths) != folders:
                        break
        except (OSError, RuntimeError):  # the library's own error, for a user who has too many watches, is a RuntimeError
            await asyncio.sleep(LOOK_AGAIN_MS / 1000)
            yield True


def _folders(paths: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """The folders to watch, each with what tells it from a new folder of the same name."""
    found: dict[Path, tuple[int, int]] = {}
    for path in paths:
        for folder in (path, next((each for each in path.parents if _identity(each)), path)):
            identity = _identity(folder)
            if identity is not None:
                found[folder] = identity
    return found


def _identity(folder: Path) -> tuple[int, int] | None:
    """None for what is no folder, or may not be watched."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) and os.access(folder, os.R_OK) else None


def _matters(changed: Path, paths: Sequence[Path]) -> bool:
    """Whether a change may be one of a definition: in a folder that was named, of a file that was named, or of a folder above."""
    return any(changed == path or changed in path.parents or (changed.parent == path and _may_define(changed)) for path in paths)


def _may_define(path: Path) -> bool:
    # A name without a suffix may be the link that a mounted ConfigMap swaps.
    return path.suffix in SUFFIXES or not path.suffix or path.name.startswith("..")
