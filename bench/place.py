"""Where a row is measured: fresh directories, and a WakeDock on them as a person would start it."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation, installed

APP = Path(__file__).with_name("app.py")
LOAD = Path(__file__).with_name("load.py")


@dataclass(frozen=True, slots=True)
class Place:
    """Directories that are gone afterwards."""

    folder: Path
    runtime: Path
    """On a tmpfs, with a short path."""


@contextmanager
def place() -> Iterator[Place]:
    """Make them, and remove them."""
    tmpfs = Path("/dev/shm")
    runtime = Path(tempfile.mkdtemp(prefix="wd", dir=tmpfs if os.access(tmpfs, os.W_OK) else None))
    folder = Path(tempfile.mkdtemp(prefix="wakedock-bench-"))
    try:
        yield Place(folder, runtime)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(runtime)


def command(port: str, delay: float = 0.0) -> list[str]:
    """How the bench's app is started."""
    return [sys.executable, "-I", "-S", str(APP), port, str(delay)]


def define(installation: Installation, name: str, *, delay: float = 0.0, **spec: Any) -> None:
    """A service with the bench's app, which never goes to sleep by itself while the bench runs."""
    installation.define(name, **{"hosts": [f"{name}.localhost"], "app": {"command": command("$(PORT)", delay)}, "idleTimeout": "1h"} | spec)


@asynccontextmanager
async def wakedock(where: Place, services: dict[str, float], **spec: Any) -> AsyncIterator[Installation]:
    """A WakeDock that serves these services (by the delay of their apps), all asleep."""
    async with installed(where.folder, where.runtime) as installation:
        for name, delay in services.items():
            define(installation, name, delay=delay, **spec)
        await installation.start()
        yield installation


def wakedock_pid(installation: Installation) -> int:
    """The Python process."""
    assert installation.process is not None
    return installation.process.pid


async def load(port: int, host: str, **options: Any) -> dict[str, Any]:
    """Run the load generator; returns what it says. Raises RuntimeError when a request failed."""
    words = [f"--{name}={value}" for name, value in options.items() if value is not True]
    words += [f"--{name}" for name, value in options.items() if value is True]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(LOAD), f"--port={port}", f"--host={host}"), *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    said: dict[str, Any] = json.loads(out)
    if said["errors"]:
        raise RuntimeError(f"{said['errors']} connections to {host} failed: {said['first_error']}")
    return said
