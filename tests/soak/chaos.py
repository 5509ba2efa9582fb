"""Everything that may happen to an installation while it serves, in an order that a seed decides."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.e2e.installation import Installation
from tests.soak.ledgers import app_of
from tests.soak.visitors import Visitors

Spec = dict[str, Any]
Action = Callable[[], Coroutine[Any, Any, str]]
CRASH_LOOP = 60.0
"""Seconds: who crashes again sooner is answered with the cause for a while, as promised."""


def services(books: Path) -> dict[str, Spec]:
    """Eight services: chains of dependants, processes that are ended, killed and paused, time-outs that are never far away."""

    def one(name: str, stop_signal: str, idle: str, *needs: str, mode: str = "Stop") -> Spec:
        return {
            "hosts": [f"{name}.localhost"],
            "app": app_of(books / f"{name}.book", stop_signal=stop_signal),
            "idleTimeout": idle,
            "sleep": {"mode": mode},
            "dependsOn": [{"name": need} for need in needs],
        }

    return {
        "base": one("base", "SIGKILL", "500ms"),
        "middle": one("middle", "SIGTERM", "1s", "base"),
        "top": one("top", "SIGKILL", "700ms", "middle", "base"),
        "paused": one("paused", "SIGTERM", "600ms", mode="Pause"),
        "needy": one("needy", "SIGKILL", "2s", "paused", mode="Pause"),
        "brief": one("brief", "SIGKILL", "500ms"),
        "calm": one("calm", "SIGTERM", "2s"),
        "again": one("again", "SIGKILL", "1s", mode="Recreate"),
    }


@dataclass(slots=True)
class Chaos:
    """Does one thing after the other to an installation, and prints each."""

    installation: Installation
    visitors: Sequence[Visitors]
    specs: dict[str, Spec]
    seed: int
    done: dict[str, int] = field(default_factory=dict)
    _chance: random.Random = field(init=False)
    _extras: set[str] = field(default_factory=set)
    _edits: int = 0
    _killed: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    async def run(self, steps: int) -> None:
        """Do that many things, a moment apart; stop early at the first loss."""
        deck: list[Action] = []
        for step in range(steps):
            deck = deck or self._shuffled()
            action = deck.pop()
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
            print(f"{step}: {action.__name__} {await action()}", flush=True)
            await asyncio.sleep(self._chance.uniform(0, 0.8))
            if any(each.lost for each in self.visitors):
                return

    def _shuffled(self) -> list[Action]:
        often = [self.put_to_sleep] * 4 + [self.wake, self.edit_app, self.kill_wakedock, self.kill_idle_app] * 2
        once = [self.pin, self.edit_timeout, self.add_or_remove, self.freeze_wakedock, self.freeze_caddy, self.freeze_app]
        deck = [*often, *once]
        self._chance.shuffle(deck)
        return deck

    def some(self) -> list[str]:
        """Some of the services."""
        return [name for name in self.specs if self._chance.random() < 0.4]

    async def put_to_sleep(self) -> str:
        return await self._ask_of_some("sleep")

    async def wake(self) -> str:
        return await self._ask_of_some("wake")

    async def pin(self) -> str:
        return await self._ask_of_some("pin", {"for": f"{self._chance.randrange(100, 3000)}ms"})

    async def _ask_of_some(self, what: str, body: dict[str, str] | None = None) -> str:
        transport = httpx.AsyncHTTPTransport(uds=str(self.installation.runtime / "control.sock"))
        said = []
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for name in self.some():
                answer = await client.post(f"/api/v1/services/default/{name}/{what}", json=body)
                # A pinned service refuses to sleep.
                assert answer.status_code in {202, 409}, answer.text
                said.append(f"{name} {answer.status_code}")
        return ", ".join(said)

    async def edit_app(self) -> str:
        """Another environment: a forced drain and a wake."""
        name = self._chance.choice(list(self.specs))
        self._edits += 1
        self.specs[name]["app"]["env"] = [{"name": "EDIT", "value": str(self._edits)}]
        self.installation.define(name, **self.specs[name])
        return name

    async def edit_timeout(self) -> str:
        name = self._chance.choice(list(self.specs))
        self.specs[name]["idleTimeout"] = f"{self._chance.randrange(300, 2000)}ms"
        self.installation.define(name, **self.specs[name])
        return f"{name} {self.specs[name]['idleTimeout']}"

    async def add_or_remove(self) -> str:
        """A service that nobody asks: the routes change."""
        name = self._chance.choice(("extra-one", "extra-two"))
        for each in self.visitors:
            each.routes_changed = time.monotonic()
        if name in self._extras:
            self._extras.remove(name)
            (self.installation.definitions / f"{name}.yaml").unlink()
            return f"- {name}"
        self._extras.add(name)
        self.installation.define(name, hosts=[f"{name}.localhost"], app={"command": ["sleep", "1000"]})
        return f"+ {name}"

    async def kill_wakedock(self) -> str:
        await self.installation.kill()
        away = self._chance.choice((0, 0.3, 1.5))
        await asyncio.sleep(away)
        await self.installation.start()
        return f"for {away} s"

    async def freeze_wakedock(self) -> str:
        assert self.installation.process is not None
        return await self._freeze(self.installation.process.pid, self._chance.uniform(0.2, 1.5))

    async def freeze_caddy(self) -> str:
        return await self._freeze(self.installation.caddy_pid(), self._chance.uniform(0.1, 1.5))

    async def freeze_app(self) -> str:
        """Only those that WakeDock does not freeze itself: it would not know that they go on."""
        name = self._chance.choice([name for name, spec in self.specs.items() if spec["sleep"]["mode"] != "Pause"])
        pid = self._pid(name)
        return name if pid is None else f"{name} {await self._freeze(pid, self._chance.uniform(0.1, 0.8))}"

    async def _freeze(self, pid: int, seconds: float) -> str:
        with ExitStack() as thaw:
            try:
                process = psutil.Process(pid)
                process.suspend()
            except psutil.NoSuchProcess:
                return f"{pid} has ended"
            thaw.callback(_resume, process)
            await asyncio.sleep(seconds)
        return f"{pid} for {seconds:.2f} s"

    async def kill_idle_app(self) -> str:
        """An app that crashes between two requests."""
        now = time.monotonic()
        spared = {name for name, at in self._killed.items() if now - at <= CRASH_LOOP + 1}
        visitors = self._chance.choice([each for each in self.visitors if each.host not in spared] or [None])
        if visitors is None:
            return "nobody"
        self._killed[visitors.host] = now
        async with visitors.away():
            pid = self._pid(visitors.host)
            if pid is None:
                return visitors.host
            try:
                process = psutil.Process(pid)
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                return visitors.host
            await asyncio.to_thread(process.wait)
        return f"{visitors.host} {pid}"

    def _pid(self, name: str) -> int | None:
        record = self.installation.instance(name)
        return record["pid"] or None if record is not None else None


def _resume(process: psutil.Process) -> None:
    try:
        process.resume()
    except psutil.NoSuchProcess:
        return


def faults(installation: Installation) -> list[dict[str, Any]]:
    """Lines of the log that no chaos explains."""
    lines = [json.loads(line) for line in installation.log.read_bytes().splitlines() if line.startswith(b"{")]
    return [line for line in lines if line.get("level") in {"error", "critical"} or line.get("event") == "work failed"]
