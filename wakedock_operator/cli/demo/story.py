"""What the demo does and checks: each act is a claim of the README, tried with real requests."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import yaml
from rich.console import Console

from wakedock_operator.cli.compose import Parts, composed, serving
from wakedock_operator.cli.directories import opened, resolve
from wakedock_operator.cli.logging import set_up_logging
from wakedock_operator.cli.run import raise_descriptor_limit
from wakedock_operator.cli.settings import LogFormat, LogLevel, Settings
from wakedock_operator.core.status import Serving
from wakedock_operator.resource import Key

HERE = Path(__file__).parent
WEB, STORE = Key("default", "web"), Key("default", "store")
CROWD = 100
UPLOAD = 5_000_000


class Broken(Exception):
    """A claim that did not hold."""


def demo(console: Console | None = None) -> int:
    """Show it; returns 0 only if every claim held, 1 otherwise. Leaves nothing running and no file behind."""
    console = console or Console()
    set_up_logging(log_format=LogFormat.CONSOLE, level=LogLevel.WARNING)
    raise_descriptor_limit()
    held = True
    with tempfile.TemporaryDirectory(prefix="wakedock-demo-") as folder:
        try:
            asyncio.run(_demo(console, Path(folder)))
        except* Broken as broken:
            console.print(f"[bold red]This did not hold:[/] {broken.exceptions[0]}")
            held = False
    if held:
        console.print("[bold green]Everything held[/], and nothing is left running.")
    return 0 if held else 1


async def _demo(console: Console, folder: Path) -> None:
    _write_definitions(folder / "services")
    port = _free_port()
    settings = Settings(files=(folder / "services",), listen=(f"127.0.0.1:{port}",), data=folder / "data", runtime=None)
    directories = resolve(settings.data, settings.runtime, os.environ)
    try:
        with opened(directories):
            async with composed(settings, directories) as parts, serving(parts) as running, _client(port) as client:
                await parts.routes.in_force.wait()
                try:
                    await Story(console, parts, client).tell()
                finally:
                    await running.shut_down()
        children = psutil.Process().children(recursive=True)
        _check(not children, f"processes are left: {children}")
    finally:
        shutil.rmtree(directories.runtime, ignore_errors=True)


class Story:
    """The acts, in order."""

    def __init__(self, console: Console, parts: Parts, client: aiohttp.ClientSession) -> None:
        self._console = console
        self._parts = parts
        self._client = client

    async def tell(self) -> None:
        """All acts. Raises Broken at the first claim that does not hold."""
        self._say("Two apps, [b]web[/] and the [b]store[/] it depends on, behind one Caddy. No request has come, so neither runs:")
        await self._until(WEB, Serving.ASLEEP)
        await self._until(STORE, Serving.ASLEEP)
        self._show()
        self._say("A visitor comes. The request is held, the store starts, then web, then the request goes on its way:")
        cold = await self._visit("cold request")
        await self._until(WEB, Serving.AWAKE)
        self._show()
        warm = await self._visit("the next one")
        _check(warm < cold, f"a warm request took {warm:.3f} s, a cold one {cold:.3f} s")
        await self._fall_asleep()
        self._say(f"{CROWD} visitors at once, and an upload of {UPLOAD // 1_000_000} MB, all to the sleeping app:")
        await self._crowd()
        await self._fall_asleep()
        self._say("Each wake, as `wakedock events` would show it:")
        for event in reversed(await self._parts.journal.events(limit=20)):
            phases = ", ".join(f"{phase} after {seconds:.2f} s" for phase, seconds in event.phases.items())
            self._say(f"  {event.at:%H:%M:%S} {event.key.name:<6} [b]{event.kind}[/] ({event.reason}) {phases}", gap=False)
        self._say("")

    async def _visit(self, what: str) -> float:
        began = time.perf_counter()
        async with self._client.get("/") as answer:
            text = (await answer.text()).strip()
        took = time.perf_counter() - began
        _check(answer.status == 200, f"{what} got {answer.status}: {text}")
        self._say(f"  {what}: [b]{took * 1000:.0f} ms[/]  {answer.status}  {text}", gap=False)
        return took

    async def _crowd(self) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            visits = [tasks.create_task(self._get()) for _ in range(CROWD)]
            upload = tasks.create_task(self._upload())
        took = time.perf_counter() - began
        numbers = sorted(visit.result() for visit in visits)
        _check(
            len(set(numbers)) == CROWD and numbers == list(range(numbers[0], numbers[0] + CROWD)), f"visits were lost or doubled: {numbers}"
        )
        _check(upload.result() == f"{UPLOAD} bytes\n", f"the upload arrived as {upload.result()!r}")
        woke = [e for e in await self._parts.journal.events(key=WEB) if e.kind == "Woke"]
        _check(len(woke) == 2, f"web was started {len(woke)} times, not once for each sleep")
        self._say(f"  [b]{took * 1000:.0f} ms[/]: one start, {CROWD} answers, each visit counted once, every byte there", gap=False)

    async def _get(self) -> int:
        async with self._client.get("/") as answer:
            text = await answer.text()
            _check(answer.status == 200, f"a visitor got {answer.status}: {text}")
        return int(text.rstrip(".\n").rpartition(" ")[2])

    async def _upload(self) -> str:
        async with self._client.post("/", data=b"x" * UPLOAD) as answer:
            return await answer.text()

    async def _fall_asleep(self) -> None:
        self._say("Nobody comes any more. After the idle time-out (2 s here) web goes to sleep, then the store:")
        began = time.perf_counter()
        await self._until(STORE, Serving.ASLEEP)
        self._say(f"  asleep after [b]{time.perf_counter() - began:.1f} s[/]", gap=False)
        self._show()

    async def _until(self, key: Key, serving: Serving) -> None:
        try:
            async with asyncio.timeout(60):
                async for _ in self._parts.board.watch():
                    status = self._parts.board.view(key)
                    if status is not None and status.serving is serving:
                        return
        except TimeoutError:
            message = f"{key} did not become {serving} within a minute: {self._parts.board.view(key)}"
            raise Broken(message) from None

    def _show(self) -> None:
        colours = {Serving.AWAKE: "green", Serving.DRAINING: "yellow", Serving.ASLEEP: "blue"}
        for key in (WEB, STORE):
            status = self._parts.board.view(key)
            if status is not None:
                self._say(f"  {key.name:<6} [{colours[status.serving]}]{status.serving}[/]", gap=False)

    def _say(self, text: str, *, gap: bool = True) -> None:
        self._console.print(f"\n{text}" if gap else text, highlight=False)


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", connector=connector, headers={"Host": f"web.localhost:{port}"}, timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        yield session


def _write_definitions(folder: Path) -> None:
    folder.mkdir()
    _define(folder, "store", {"idleTimeout": "2s", "app": {"command": [sys.executable, str(HERE / "store.py")]}})
    web = {
        "hosts": ["web.localhost"],
        "idleTimeout": "2s",
        "dependsOn": ["store"],
        "app": {
            "command": [sys.executable, str(HERE / "web.py")],
            "env": [{"name": "STORE", "value": "http://127.0.0.1:$(PORT:store)"}],
        },
    }
    _define(folder, "web", web)


def _define(folder: Path, name: str, spec: Mapping[str, object]) -> None:
    document = {
        "apiVersion": "wakedock.dev/v1alpha1",
        "kind": "WakeService",
        "metadata": {"name": name},
        "spec": {**spec, "sleep": {"onExit": "Sleep"}, "wake": {"readiness": {"http": {"path": "/ready"}}}},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
