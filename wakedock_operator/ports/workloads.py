"""What runs: processes, containers, Deployments."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from wakedock_operator.core.observation import Observation
from wakedock_operator.resource import Key, WakeService


class VersionMoved(Exception):
    """A stop's precondition failed: the workload was started or fenced since it was observed."""


class Unsupported(Exception):
    """This backend cannot honour a field. The message names the field and the reason."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one readiness probe found. `detail` says what was seen, in words for the status ("HTTP 500", "connection refused")."""

    ready: bool
    detail: str
    unhealthy: bool = False
    """It answered, but wrongly (5xx), or its readiness command failed: the cause, if the wait is given up."""
    waited: bool = False
    """Nobody could be asked yet, and the probe has waited for that a moment already: the next one may follow at once."""
    address: str = ""
    """Where the instance answered, where the backend finds that out after the look: requests may go there."""


@dataclass(frozen=True, slots=True)
class VetoResult:
    """What the app said when asked whether it may sleep."""

    vetoed: bool
    detail: str


class Waking(Protocol):
    """What a gateway may do with workloads. There is no stop here."""

    async def observe(self, key: Key) -> Observation:
        """A consistent look, read in the order in which the backend acts. Raises KeyError when nothing of `key` is known."""
        ...

    async def start(self, key: Key) -> None:
        """Scale from zero to the service's `replicas`; moves the version. Does nothing when the desired scale is above zero.

        A start that the backend refuses at once (command not found, port taken) does not raise: the next observation carries the failure.
        """
        ...

    async def fence(self, key: Key) -> None:
        """Make sure that no stop decided before this call can still land, without changing the scale."""
        ...

    async def probe(self, key: Key, instance: str) -> ProbeResult:
        """Ask one instance once whether it is ready. Marks it ready in later observations when it is."""
        ...

    def watch(self) -> AsyncIterator[Key]:
        """Keys of workloads of which something changed (started, exited, became ready, stopped). Only wakes code up."""
        ...


class Workloads(Waking, Protocol):
    """The controller's view: everything."""

    @property
    def stops_by_intent(self) -> bool:
        """Stops carry no version of their own beyond this process, so that an intent is written before each."""
        ...

    def refusal(self, service: WakeService) -> str | None:
        """Why this backend cannot run `service` as defined, as `field: reason`; None when it can. No I/O."""
        ...

    async def ensure(self, service: WakeService, uid: str) -> None:
        """Make the workload exist as defined, at its present scale. An unchanged definition changes nothing.

        Raises Unsupported, with a sentence for the status, when it cannot be made.
        """
        ...

    async def remove(self, key: Key, uid: str) -> None:
        """Remove what `ensure` made. The workload must have been stopped."""
        ...

    def bypasses(self, key: Key) -> Sequence[str]:
        """Names of what leads to the app past the gateways, as far as `ensure` has seen. No I/O."""
        ...

    def keys(self) -> frozenset[Key]:
        """Every workload that is known, adopted ones without a definition included."""
        ...

    async def stop(self, key: Key, version: str) -> None:
        """Scale to zero by the service's `sleep.mode`, if the version is still `version`. Returns when the stop is under way.

        The caller has written a StopIntent that names every live instance before. A paused instance is gone from later observations.
        Raises VersionMoved.
        """
        ...

    async def ask_veto(self, key: Key) -> VetoResult:
        """Ask the app (`sleep.veto`) whether it may be put to sleep. No answer within its time-out counts as a veto."""
        ...

    async def logs(self, key: Key, *, lines: int) -> tuple[str, ...]:
        """The last lines of the app's output, oldest first."""
        ...

    def follow(self, key: Key, *, lines: int) -> AsyncIterator[str]:
        """The last lines, then each new one."""
        ...
