"""Whether the gateways route by the newest definitions: asked of themselves, and only while somebody waits to know."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import structlog

from wakedock_operator.adapters.kubernetes.gateways import GatewayPod, PodGateways
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key

PATH = "/routes"
PAUSE = 0.2
"""Seconds between two questions."""
PATIENCE = 5.0
"""Seconds after which a gateway that cannot be asked, say because of a NetworkPolicy, is not waited for."""
TIMEOUT = aiohttp.ClientTimeout(total=2.0)

_Answers = Mapping[GatewayPod, Mapping[str, object] | None]
"""What each gateway said; None for one that could not be asked."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    definition: tuple[str, int, int | None]
    version: int
    """The newest version of the object when it was first asked about: who has taken that in has the definition."""
    since: float
    reason: str | None = "the gateways have not taken it over yet"
    """What is waited for; None once it is in force."""
    refused: str | None = None
    """Why Caddy of one of them does not route by it."""


class GatewayRoutes:
    """`Routing` over the gateways' own answers. Keep `run()` running."""

    def __init__(self, shelf: Shelf, gateways: PodGateways, *, port: int) -> None:
        self._shelf = shelf
        self._gateways = gateways
        self._port = port
        self._changes: Changes[Key] = Changes()
        self._in_force: dict[Key, tuple[str, int, int | None]] = {}
        self._waiting: dict[Key, _Waiting] = {}
        self._asked = asyncio.Event()

    def __repr__(self) -> str:
        return f"<GatewayRoutes {len(self._waiting)} waited for>"

    def changes(self) -> AsyncIterator[Key]:
        return self._changes.follow()

    def pending(self, entry: Entry) -> str | None:
        key, service = entry.key, entry.service
        definition = self._definition(entry)
        if self._in_force.get(key) == definition or not (service.spec.hosts or entry.callers_port):
            return None
        if key not in self._in_force and self._said_routed(key):
            # An operator that starts: what its predecessor has seen is not asked again for thousands of services.
            self._in_force[key] = definition
            return None
        known = self._waiting.get(key)
        if known is None or known.definition != definition:
            seen = self._shelf.seen(key)
            version = 0 if seen is None else seen.version
            known = self._waiting[key] = _Waiting(definition, version, asyncio.get_running_loop().time())
            self._asked.set()
        return known.reason

    def refused(self, entry: Entry) -> str | None:
        known = self._waiting.get(entry.key)
        return None if known is None or known.definition != self._definition(entry) else known.refused

    def _said_routed(self, key: Key) -> bool:
        status = self._shelf.status(key)
        return status is not None and any(each.type == ConditionType.ROUTED and each.status == "True" for each in status.conditions)

    @staticmethod
    def _definition(entry: Entry) -> tuple[str, int, int | None]:
        return entry.uid, entry.generation, entry.callers_port

    async def run(self) -> None:
        """Ask until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                await self._asked.wait()
                await self._ask(session)
                if self._waiting:
                    await asyncio.sleep(PAUSE)
                else:
                    self._asked.clear()

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        pods = [pod for pod in self._gateways.pods() if pod.ready and not pod.ending and pod.addresses]
        answers = await asyncio.gather(*(self._answer(session, pod) for pod in pods))
        entries = self._shelf.snapshot().entries
        now = asyncio.get_running_loop().time()
        for key, waiting in tuple(self._waiting.items()):
            if key not in entries:
                del self._waiting[key]
                self._in_force.pop(key, None)
                continue
            said = dict(zip(pods, answers, strict=True))
            reason, refused = _late(key, waiting, said, patient=now - waiting.since < PATIENCE), _refused(key, waiting, said)
            if (reason, refused) == (None, None):
                self._in_force[key] = waiting.definition
                del self._waiting[key]
                self._changes.announce(key)
            elif (reason, refused) != (waiting.reason, waiting.refused):
                waiting.reason, waiting.refused = reason, refused
                self._changes.announce(key)

    async def _answer(self, session: aiohttp.ClientSession, pod: GatewayPod) -> Mapping[str, object] | None:
        host = f"[{pod.addresses[0]}]" if ":" in pod.addresses[0] else pod.addresses[0]
        try:
            async with session.get(f"http://{host}:{self._port}{PATH}") as response:
                found = await response.json() if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        # One of a version of WakeDock that says it otherwise is, like one that cannot be asked, not waited for.
        return found if isinstance(found, dict) and isinstance(found.get("versions"), dict) else None


def _late(key: Key, waiting: _Waiting, answers: _Answers, *, patient: bool) -> str | None:
    """Which gateways have not taken it over; None when all have, as far as one can know."""
    if not answers:
        return "no gateway is ready"
    late = [pod.name for pod, answer in answers.items() if (patient if answer is None else not _knows(answer, key, waiting))]
    return f"{', '.join(late)}: not taken over yet" if late else None


def _refused(key: Key, waiting: _Waiting, answers: _Answers) -> str | None:
    """What Caddy of a gateway that has taken it over says against it."""
    for pod, answer in answers.items():
        rejected = None if answer is None or not _knows(answer, key, waiting) else answer.get("rejected")
        if isinstance(rejected, dict) and str(key) in rejected:
            return f"Caddy of {pod.name} refuses it: {rejected[str(key)]}"
    return None


def _knows(answer: Mapping[str, object], key: Key, waiting: _Waiting) -> bool:
    versions = answer.get("versions")
    version = versions.get(key.namespace) if isinstance(versions, dict) else None
    return isinstance(version, int) and version >= waiting.version
