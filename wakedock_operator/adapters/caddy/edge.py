"""`CaddyEdge`: the port `Edge` on a real Caddy that WakeDock owns."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from wakedock_operator.adapters.caddy.access_times import check_access_times
from wakedock_operator.adapters.caddy.admin import Admin
from wakedock_operator.adapters.caddy.errors import CaddyRefused, ListenerTaken
from wakedock_operator.adapters.caddy.hold import TRY_INTERVAL
from wakedock_operator.adapters.caddy.isolation import find_unfit
from wakedock_operator.adapters.caddy.keeping import Keeping
from wakedock_operator.adapters.caddy.literals import unfit
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.render import REVISION_PATH, render, sealed
from wakedock_operator.adapters.caddy.steering import SteeringFiles
from wakedock_operator.adapters.caddy.supervisor import Supervisor, replace_file
from wakedock_operator.core.routing import Route
from wakedock_operator.ports.edge import Applied, EdgeUnavailable, InFlight
from wakedock_operator.resource import Key

SPACING = 10.0
"""The next load starts no sooner than this many times what the last one took: each provisions everything anew."""
ADOPTED = 8 * TRY_INTERVAL
"""Seconds after an adoption before which nothing is loaded: what found no activator while WakeDock was away asks anew in this time. A
load ends the asking of those that ask in vain at that moment."""

log = structlog.get_logger(__name__)


def spacing(took: float, *, farewell: float) -> float:
    """Seconds from the end of a load to the next one at the earliest. The time that the farewell waits costs nothing."""
    return SPACING * max(0.0, took - farewell)


class CaddyEdge:
    """One gateway's Caddy, between `start` and `stop` (or `release`). `kept_by` makes whoever keeps it running; by default this process."""

    def __init__(self, options: CaddyOptions, kept_by: Callable[[CaddyOptions, Admin], Keeping] = Supervisor) -> None:
        self.loads = 0
        self._options = options
        self._admin = Admin(options.admin_socket)
        self._keeping = kept_by(options, self._admin)
        self._files = SteeringFiles(options)
        self._applying = asyncio.Lock()
        self._not_before = 0.0
        self._isolated: tuple[str, str, dict[Key, str]] | None = None
        self._kept: str | None = None
        self._rejected: Mapping[Key, str] = {}
        self._stopped = False

    def __repr__(self) -> str:
        return f"<CaddyEdge {self._keeping!r} loads={self.loads}>"

    @property
    def rejected(self) -> Mapping[Key, str]:
        return self._rejected

    @property
    def pid(self) -> int | None:
        """The running Caddy."""
        return self._keeping.pid

    async def answers(self) -> bool:
        """Whether Caddy answers now."""
        try:
            await self._admin.read("/config/admin")
        except EdgeUnavailable:
            return False
        return True

    @property
    def restarts(self) -> int:
        """How often Caddy was started again after it had ended by itself."""
        return self._keeping.restarts

    async def start(self) -> bool:
        """Adopt the Caddy of an earlier run (True) or start one (False). Raises CaddyError with a sentence for a person, OSError."""
        self._options.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_access_times(self._options.runtime)
        self._files.prepare()
        self._stopped = False
        try:
            adopted = await self._keeping.start()
        except BaseException:
            await self._admin.close()
            raise
        if adopted:
            self._not_before = time.monotonic() + ADOPTED
        return adopted

    async def stop(self) -> None:
        """End Caddy, with the grace period for what is in flight."""
        await self._keeping.stop()
        self._stopped = True
        await self._admin.close()

    async def release(self) -> None:
        """Leave Caddy running without WakeDock."""
        await self._keeping.release()
        await self._admin.close()

    async def apply(self, routes: Sequence[Route], *, longest_wake: float) -> Applied:
        async with self._applying:
            unfit_routes = {route.key: reason for route in routes if (reason := unfit(route)) is not None}
            isolated = await self._apply([route for route in routes if route.key not in unfit_routes], longest_wake)
            self._rejected = unfit_routes | isolated
            return Applied(self._rejected)

    async def in_flight(self) -> InFlight:
        if self._stopped:
            # Not silence: a Caddy that was ended in order carries nothing, and the apps may be put to sleep after it.
            return InFlight({}, 0.0)
        entries, took = await self._admin.upstreams()
        uncounted = f"{{file.{self._options.ignored}/"
        prefixes = (f"{{file.{self._options.steer}/", uncounted)
        counts: dict[Key, int] = {}
        ignored: dict[Key, int] = {}
        for entry in entries:
            address = entry["address"]
            if entry["num_requests"] and address.startswith(prefixes):
                key = Key.from_file_name(address.rpartition("/")[2].removesuffix("}"))
                counts[key] = counts.get(key, 0) + entry["num_requests"]
                if address.startswith(uncounted):
                    ignored[key] = entry["num_requests"]
        return InFlight(counts, took, ignored)

    async def carried(self) -> int:
        """Everything that Caddy carries now, held requests and streams of progress included. Raises EdgeUnavailable."""
        entries, _ = await self._admin.upstreams()
        return sum(entry["num_requests"] for entry in entries)

    def steer(self, key: Key, address: str | None) -> None:
        self._files.write(key, address)

    def steering(self, key: Key) -> str | None:
        return self._files.read(key)

    def touched(self, key: Key) -> bool:
        return self._files.touched(key)

    def last_touch(self, key: Key) -> float | None:
        return self._files.last_touch(key)

    def unsteer(self, key: Key) -> None:
        self._files.remove(key)

    async def _apply(self, routes: Sequence[Route], longest_wake: float) -> dict[Key, str]:
        """Bring in force what Caddy takes; returns what it does not."""
        content, asked = await self._sealed(routes, longest_wake)
        running = await self._admin.read(REVISION_PATH)
        try:
            await asyncio.to_thread(self._complete, routes)
        except OSError as error:
            raise EdgeUnavailable(f"the steering files cannot be written: {error}") from error
        if self._isolated is not None and self._isolated[:2] == (asked, running):
            return self._isolated[2]
        isolated: dict[Key, str] = {}
        loaded = asked
        if running != asked:
            try:
                await self._load(content, asked)
            except CaddyRefused as refusal:
                isolated = await find_unfit(self._keeping, self._options, routes, longest_wake)
                if not isolated:
                    raise
                log.warning("caddy refused routes", services=[str(key) for key in isolated], error=str(refusal))
                content, loaded = await self._sealed([route for route in routes if route.key not in isolated], longest_wake)
                if running != loaded:
                    await self._load(content, loaded)
        if self._kept != loaded:
            async with self._keeping.changing:
                await self._keep(content, loaded)
        self._isolated = (asked, loaded, isolated)
        return isolated

    async def _sealed(self, routes: Sequence[Route], longest_wake: float) -> tuple[bytes, str]:
        return await asyncio.to_thread(lambda: sealed(render(self._options, routes, longest_wake)))

    def _complete(self, routes: Sequence[Route]) -> None:
        for route in routes:
            if route.claims or route.callers is not None:
                self._files.complete(route.key)

    async def _load(self, content: bytes, revision: str) -> None:
        await asyncio.sleep(self._not_before - time.monotonic())
        async with self._keeping.changing:
            started = time.monotonic()
            try:
                await self._admin.load(content)
            except CaddyRefused as refusal:
                if "address already in use" in str(refusal):
                    raise ListenerTaken(f"somebody already listens where the gateway should: {refusal}") from refusal
                raise
            finally:
                ended = time.monotonic()
                self._not_before = ended + spacing(ended - started, farewell=self._options.farewell)
            self.loads += 1
            await self._keep(content, revision)

    async def _keep(self, content: bytes, revision: str) -> None:
        """Write what is in force into the file that a restart of Caddy begins with."""
        try:
            await asyncio.to_thread(replace_file, self._options.configuration, content)
        except OSError as error:
            raise EdgeUnavailable(f"the configuration in force cannot be kept for a restart of Caddy: {error}") from error
        self._kept = revision
