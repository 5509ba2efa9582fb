"""Keeps one Caddy running: starts it or finds the one that still runs, and starts it again after a crash."""

import asyncio
import json
import os
import time
from pathlib import Path

import structlog

from wakedock_operator.adapters.caddy.admin import Admin
from wakedock_operator.adapters.caddy.binary import find_caddy
from wakedock_operator.adapters.caddy.errors import CaddyError
from wakedock_operator.adapters.caddy.listeners import check_listeners, check_socket_path
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.output import bound_output, last_words, open_output
from wakedock_operator.adapters.caddy.process import Process
from wakedock_operator.adapters.caddy.render import LISTEN_PATH, skeleton
from wakedock_operator.ports.edge import EdgeUnavailable

START = 20.0
"""Seconds within which a Caddy must answer that is started without routes."""
START_AGAIN = 120.0
"""Seconds within which one must answer that is started with what was in force; ten thousand services take some."""
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 30.0
STEADY = 60.0
"""Seconds after which a Caddy counts as well, and the back-off begins anew. Also how often its output is looked at."""

log = structlog.get_logger(__name__)


class Supervisor:
    """`changing` is held while the configuration file and the running configuration may differ; no Caddy is started meanwhile."""

    def __init__(self, options: CaddyOptions, admin: Admin) -> None:
        self.changing = asyncio.Lock()
        self.restarts = 0
        self._options = options
        self._admin = admin
        self._command: list[str] = []
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Supervisor pid={self.pid} restarts={self.restarts}>"

    @property
    def pid(self) -> int | None:
        """The running Caddy."""
        return self._process.pid if self._process is not None and self._process.runs() else None

    @property
    def command(self) -> list[str]:
        """The program, for other uses of it. Empty before the start."""
        return self._command[:1]

    @property
    def environment(self) -> dict[str, str]:
        """Caddy's environment: nothing of it lets Caddy write outside its own folder."""
        home = str(self._options.home)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CADDY_"))}
        places = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/share", "XDG_CACHE_HOME": f"{home}/cache"}
        return kept | places | dict(self._options.environment)

    async def start(self) -> bool:
        """Adopt a running Caddy (True) or start one without listeners (False). Raises CaddyError with a sentence."""
        options = self._options
        check_socket_path(str(options.admin_socket))
        check_socket_path(str(options.activator_socket))
        binary = await find_caddy(options.binary)
        self._command = [str(binary.path), "run", "--config", str(options.configuration)]
        options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = await self._adopt()
        adopted = held is not None
        await asyncio.to_thread(check_listeners, options.listen, caddy=binary.path, running=self._process, held=held or ())
        if not adopted:
            replace_file(options.configuration, json.dumps(skeleton(options)).encode())
            await self._spawn(within=START)
        self._watch = asyncio.create_task(self._keep_running(), name="caddy-supervisor")
        return adopted

    async def stop(self) -> None:
        """End Caddy: it accepts nothing new, and what is in flight has the grace period."""
        await self.release()
        if self._process is not None:
            await self._process.stop(grace=self._options.grace_period)
            self._options.pid_file.unlink(missing_ok=True)
            self._process = None

    async def release(self) -> None:
        """Leave Caddy running, for the next WakeDock to adopt."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None

    async def _adopt(self) -> list[str] | None:
        """Where the Caddy of an earlier run listens; None where there is none to adopt."""
        process = Process.listening(self._options.admin_socket) or Process.recorded(self._options.pid_file)
        if process is None:
            return None
        try:
            await self._admin.read("/config/admin")
            held: list[str] = await self._admin.read(LISTEN_PATH) or []
        except EdgeUnavailable as error:
            log.warning("a Caddy of an earlier run does not answer and is ended", pid=process.pid, error=str(error))
            await process.stop(grace=self._options.grace_period)
            return None
        process.record(self._options.pid_file)
        self._process = process
        log.info("caddy adopted", pid=process.pid)
        return held

    async def _keep_running(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            if self._process is not None:
                began = time.monotonic()
                await self._ended(self._process)
                backoff = FIRST_BACKOFF if time.monotonic() - began > STEADY else backoff
                log.error("caddy ended and is started again", pid=self._process.pid, backoff=backoff)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF)
            try:
                async with self.changing:
                    await self._spawn(within=START_AGAIN)
                self.restarts += 1
            except (CaddyError, OSError) as error:
                log.warning("caddy could not be started", error=str(error), next_try_in=backoff)

    async def _ended(self, process: Process) -> None:
        while True:
            try:
                async with asyncio.timeout(STEADY):
                    await process.ended()
                return
            except TimeoutError:
                await asyncio.to_thread(bound_output, self._options.log)
            except OSError as error:
                log.warning("caddy cannot be watched; it is looked at again", pid=process.pid, error=str(error))
                await asyncio.sleep(1)

    async def _spawn(self, *, within: float) -> None:
        """Start with the configuration in the file, and wait so many seconds until it answers. Raises CaddyError, OSError."""
        options = self._options
        self._process = None
        bound_output(options.log)
        output = open_output(options.log)
        try:
            size = os.fstat(output).st_size
            process = Process.spawn(self._command, environment=self.environment, output=output)
        finally:
            os.close(output)
        try:
            process.record(options.pid_file)
            await self._answers(process, size, within)
        except BaseException:
            await process.stop(grace=0)
            raise
        self._process = process
        log.info("caddy started", pid=process.pid)

    async def _answers(self, process: Process, size: int, within: float) -> None:
        deadline = time.monotonic() + within
        ended = asyncio.ensure_future(process.ended())
        try:
            while time.monotonic() < deadline:
                try:
                    await self._admin.read("/config/admin")
                    return
                except EdgeUnavailable:
                    await asyncio.wait([ended], timeout=0.05)
                if ended.done():
                    raise CaddyError(f"Caddy ended at its start: {last_words(self._options.log, size)}")
            raise CaddyError(f"Caddy (pid {process.pid}) did not answer on {self._options.admin_socket} within {within:.0f} s of its start")
        finally:
            ended.cancel()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(content)
    temporary.rename(path)
