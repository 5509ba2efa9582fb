"""What the supervisors of one WakeDock share."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from wakedock_operator.adapters.process.ports import PortBook
from wakedock_operator.adapters.process.record import RecordFolder
from wakedock_operator.resource import Key, WakeService


@dataclass(frozen=True, slots=True)
class Site:
    """`installation` and `boot` name the runtime directory and this boot of the machine."""

    installation: str
    boot: str
    records: RecordFolder
    ports: PortBook
    descriptors: int | None
    """The soft limit of open files that apps get; None leaves them WakeDock's."""
    dependency_ports: Callable[[WakeService], dict[str, int]]
    """The ports that `$(PORT:name)` stands for. Raises StartRefused."""
    port_needed: Callable[[Key], bool]
    """Whether a process runs that was told the port of this service."""
    listens: Callable[[WakeService], bool]
    """Whether the app is expected on a port: by its own definition, or by one that depends on it."""
    run: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    """Run something in the background until `close`."""
    tell: Callable[[Key], None]
    """Something about this service changed."""
    port_ending: Callable[[Key, int], bool]
    """Whether an app of another service is being ended that had this port."""
    gone: Callable[[Key], None]
    """Nothing of this service's process is left."""

    def forget(self, key: Key) -> None:
        """The instance is gone: the next start gets a new port, unless somebody who runs was told this one."""
        self.records.remove(key)
        if not self.port_needed(key):
            self.ports.release(key)
