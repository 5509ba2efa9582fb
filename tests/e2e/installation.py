"""A whole WakeDock for a test: the real command, a real Caddy, directories and a port of its own."""

import asyncio
import hashlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from watchfiles import awatch


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Installation:
    """`wakedock run` on a folder of definitions, as a child process. Nothing of it is left after `close`."""

    def __init__(self, folder: Path, runtime: Path, *options: str) -> None:
        self.definitions = folder / "services"
        self.data = folder / "data"
        self.runtime_parent = runtime
        self.port = free_port()
        self.options = options
        self.log = folder / "wakedock.log"
        self.began = 0
        """Where in the log the present run begins."""
        self.process: asyncio.subprocess.Process | None = None
        self.definitions.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def started(self) -> bool:
        """Whether it came so far as to have a runtime directory."""
        return (self.data / "runtime").exists()

    @property
    def runtime(self) -> Path:
        """The runtime directory of this installation."""
        return Path((self.data / "runtime").read_text().strip())

    def define(self, name: str, **spec: Any) -> None:
        """Write (or replace) the definition of `default/NAME`."""
        document = {"apiVersion": "wakedock.dev/v1alpha1", "kind": "WakeService", "metadata": {"name": name}, "spec": spec}
        scratch = self.definitions / f"{name}.new"
        scratch.write_text(yaml.safe_dump(document))
        scratch.rename(self.definitions / f"{name}.yaml")

    def command(self, *arguments: str) -> list[str]:
        """The command line of `wakedock ARGUMENTS`."""
        return [sys.executable, "-m", "wakedock_operator", *arguments]

    async def start(self) -> None:
        """Start it and wait until its routes are in force."""
        await self.launch()
        await self.until_logged("ready", since=self.began)

    async def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as log:
            self.began = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self.command("run", "-f", str(self.definitions), "--listen", f"127.0.0.1:{self.port}", "--log-format", "json"),
                *("--data", str(self.data), "--runtime", str(self.runtime_parent), *self.options),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def until_logged(self, event: str, *, since: int = 0) -> dict[str, Any]:
        """Wait for a line of the log with this event; returns it. Raises AssertionError when WakeDock ends first."""
        assert self.process is not None
        ended = asyncio.ensure_future(self.process.wait())
        stop = asyncio.Event()
        ended.add_done_callback(lambda _: stop.set())
        try:
            async for _ in awatch(self.log, stop_event=stop, step=10, debounce=50, rust_timeout=100, yield_on_timeout=True):
                found = self._logged(event, since)
                if found is not None:
                    return found
            raise AssertionError(f"WakeDock ended: {self.log.read_text()[-2000:]}")
        finally:
            ended.cancel()

    def _logged(self, event: str, since: int) -> dict[str, Any] | None:
        lines = self.log.read_bytes()[since:].splitlines()
        return next((entry for line in lines if line.startswith(b"{") and (entry := json.loads(line)).get("event") == event), None)

    def status(self, name: str) -> dict[str, Any] | None:
        """The record of `default/NAME` as it is on disk; None while there is none."""
        try:
            record: dict[str, Any] = json.loads((self.runtime / "status" / f"default.{name}.json").read_text())
        except FileNotFoundError:
            return None
        return record

    async def until(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the record of `default/NAME` is such that `holds`; returns it."""
        async for _ in awatch(self.runtime / "status", step=5, debounce=20, rust_timeout=100, yield_on_timeout=True):
            record = self.status(name)
            if record is not None and holds(record):
                return record
        raise AssertionError("the watch ended")

    async def until_routed(self, host: str, *, routed: bool = True) -> None:
        """Wait until a configuration with this host (or without it) is in force."""
        async for _ in awatch(self.runtime, recursive=False, step=5, debounce=20, rust_timeout=100, yield_on_timeout=True):
            if (json.dumps(host) in (self.runtime / "caddy.json").read_text()) == routed:
                return

    async def until_removed(self, name: str) -> None:
        """Wait until the runtime directory holds nothing of `default/NAME`: no record, no steering, no process, no place in Caddy."""
        async for _ in awatch(self.runtime, step=5, debounce=20, rust_timeout=100, yield_on_timeout=True):
            named = f"default.{name}"
            if not list(self.runtime.rglob(f"{named}*")) and named not in (self.runtime / "caddy.json").read_text():
                return

    async def until_serving(self, name: str, serving: str) -> dict[str, Any]:
        """Wait until `default/NAME` is Awake, Draining or Asleep."""
        return await self.until(name, lambda record: record["serving"] == serving)

    async def ask(self, name: str, wish: str) -> str:
        """`wake` or `sleep` a service over the control API; returns the token by which the record shows that it was acted on."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.runtime / "control.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.post(f"/api/v1/services/default/{name}/{wish}")
        assert answer.status_code == 202, answer.text
        return str(answer.json()["token"])

    async def until_woken(self, name: str, *, after: str) -> dict[str, Any]:
        """Wait until the sleep that was asked for with the token `after` is over, because a request woke the service."""
        return await self.until(name, lambda record: record["handled"]["sleep"] == after and record["serving"] == "Awake")

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run `wakedock ARGUMENTS` against this installation; returns exit code, output and errors."""
        environment = os.environ | {"WAKEDOCK_DATA": str(self.data), "NO_COLOR": "1", "COLUMNS": "200"}
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), errors.decode()

    async def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()

    async def kill(self) -> None:
        """SIGKILL to WakeDock alone: Caddy and the apps run on."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def instance(self, name: str) -> dict[str, Any] | None:
        """The record of the app's process; None while there is none."""
        try:
            record: dict[str, Any] = json.loads((self.runtime / "instances" / f"default.{name}.json").read_text())
        except FileNotFoundError:
            return None
        return record

    def caddy_pid(self) -> int:
        """The process of this installation's Caddy."""
        return int(json.loads((self.runtime / "caddy.pid").read_text())["pid"])

    async def close(self) -> None:
        """End WakeDock, its Caddy and its apps, whatever state they are in."""
        if self.process is not None and self.process.returncode is None:
            await self.kill()
        ours = [process for process in psutil.process_iter() if self._is_ours(process)] if self.started else []
        for process in ours:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(ours)

    def _is_ours(self, process: psutil.Process) -> bool:
        """Caddy and the apps carry paths of this installation, or its mark, in their command or environment."""
        mark = hashlib.sha256(str(self.runtime.resolve()).encode()).hexdigest()[:12]
        try:
            words = (*process.cmdline(), *process.environ().values())
        except psutil.Error:
            return False
        return process.pid != os.getpid() and any(str(self.runtime) in word or word.startswith(mark) for word in words)


@asynccontextmanager
async def installed(folder: Path, runtime: Path, *options: str) -> AsyncIterator[Installation]:
    """An installation that is not started yet, and is removed at the end."""
    installation = Installation(folder, runtime, *options)
    try:
        yield installation
    finally:
        await installation.close()
