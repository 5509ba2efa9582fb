"""Installations for many tests: all services are defined before the start, each test uses services that are its own."""

import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation, installed

APPS = Path(__file__).parent / "apps"
Spec = dict[str, Any]


class Standing:
    """A running installation, and what its apps wrote down."""

    def __init__(self, installation: Installation, ledger: Path) -> None:
        self.installation = installation
        self.ledger = ledger
        self.port = installation.port

    def noted(self, *apps: str, event: str | None = None) -> list[dict[str, Any]]:
        """What these apps (all, when none is named) noted, in the order in which they did."""
        lines = [json.loads(line) for line in self.ledger.read_bytes().splitlines()] if self.ledger.exists() else []
        return [line for line in lines if (not apps or line["app"] in apps) and event in (None, line["event"])]

    def starts(self, name: str) -> int:
        """How often the app of a service was started."""
        return len(self.noted(name, event="start"))


class Plan:
    """The services of an installation that is about to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.services: dict[str, Spec] = {}

    def echo(self, name: str, *, app: Mapping[str, Any] | None = None, **spec: Any) -> str:
        """A service at NAME.test whose app is the echo; returns its name."""
        command = [sys.executable, "-I", "-S", str(APPS / "echo.py"), name, str(self.ledger)]
        return self.service(name, app={"command": command, **(app or {})}, **spec)

    def service(self, name: str, **spec: Any) -> str:
        """A service, at NAME.test when no hosts are given; returns its name."""
        self.services[name] = {"hosts": [f"{name}.test"], "idleTimeout": "1h", **spec}
        return name


@asynccontextmanager
async def standing(fill: Callable[[Plan], object], *options: str) -> AsyncIterator[Standing]:
    """An installation with the services that `fill` puts into the plan, started, and nothing of it left at the end."""
    tmpfs = Path("/dev/shm")
    runtime = Path(tempfile.mkdtemp(prefix="wd", dir=tmpfs if tmpfs.is_dir() else None))
    folder = Path(tempfile.mkdtemp(prefix="wakedock-e2e-"))
    try:
        plan = Plan(folder)
        fill(plan)
        async with installed(folder, runtime, *options) as installation:
            for name, spec in plan.services.items():
                installation.define(name, **spec)
            await installation.start()
            yield Standing(installation, plan.ledger)
    finally:
        shutil.rmtree(runtime)
        shutil.rmtree(folder)
