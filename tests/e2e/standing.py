"""Installations for many tests: all services are defined before the start, each test uses services that are its own."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.installation import Installation, installed

PYTHON = [sys.executable, "-I"]
APPS = Path(__file__).parent / "apps"
Spec = dict[str, Any]


class Standing:
    """A running installation, and what its apps wrote down."""

    def __init__(self, installation: Installation, plan: "Plan") -> None:
        self.installation = installation
        self.ledger = plan.ledger
        self.gates = plan.gates
        self.services = plan.services
        self.port = installation.port

    def noted(self, *apps: str, event: str | None = None) -> list[dict[str, Any]]:
        """What these apps (all, when none is named) noted, in the order in which they did."""
        lines = [json.loads(line) for line in self.ledger.read_bytes().splitlines()] if self.ledger.exists() else []
        return [line for line in lines if (not apps or line["app"] in apps) and event in (None, line["event"])]

    def change(self, name: str, **spec: Any) -> None:
        """Replace fields of a definition."""
        self.installation.define(name, **self.services[name] | spec)

    async def held(self) -> int:
        """How many requests wait for apps right now."""
        return int(await self.metric("wakedock_held"))

    async def metric(self, sample: str) -> float:
        """One sample of /metrics, by its name with labels; 0 where there is none."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.installation.runtime / "control.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            lines = (await client.get("/metrics")).text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == sample), 0.0)

    async def until_held(self, number: int) -> None:
        """Wait until so many requests wait for apps."""
        while await self.held() != number:
            pass

    async def sleep(self, name: str) -> None:
        """Put a service to sleep as a person would; return when its process is gone."""
        token = await self.installation.ask(name, "sleep")
        await self.installation.until(
            name,
            lambda record: (
                record["handled"]["sleep"] == token and record["serving"] == "Asleep" and self.installation.instance(name) is None
            ),
        )

    def steering(self, name: str) -> str:
        """Where Caddy sends the requests of a service."""
        return (self.installation.runtime / "steer" / f"default.{name}").read_text()

    def starts(self, name: str) -> int:
        """How often the app of a service was started."""
        return len(self.noted(name, event="start"))


class Gate:
    """Holds an app back at its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR)

    def open(self) -> None:
        """Let one start through, the next one if none waits."""
        os.write(self._end, b"x")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._end)


class Plan:
    """The services of an installation that is about to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.services: dict[str, Spec] = {}
        self.gates: dict[str, Gate] = {}

    def echo(self, name: str, *, app: Mapping[str, Any] | None = None, **spec: Any) -> str:
        """A service at NAME.test whose app is the echo; returns its name."""
        command = [sys.executable, "-I", "-S", str(APPS / "echo.py"), name, str(self.ledger)]
        return self.service(name, app={"command": command, **(app or {})}, **spec)

    def gated(self, name: str, **spec: Any) -> "Gate":
        """An echo that begins to listen only when its gate is opened, once for each start."""
        gate = Gate(self.folder / f"gate-{name}")
        self.echo(name, app={"env": [{"name": "GATE", "value": str(gate.path)}]}, **spec)
        self.gates[name] = gate
        return gate

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
    plan = Plan(folder)
    try:
        fill(plan)
        async with installed(folder, runtime, *options) as installation:
            for name, spec in plan.services.items():
                installation.define(name, **spec)
            await installation.start()
            yield Standing(installation, plan)
    finally:
        for gate in plan.gates.values():
            gate.close()
        shutil.rmtree(runtime)
        shutil.rmtree(folder)
