"""What the controller may do next. Each step is one call of one port."""

from dataclasses import dataclass

from wakedock_operator.core.lifecycle import Change
from wakedock_operator.core.status import Status
from wakedock_operator.core.vetoes import Veto


@dataclass(frozen=True, slots=True)
class Write:
    """Swap the status that was read for this one."""

    status: Status
    what: Change | None = None


@dataclass(frozen=True, slots=True)
class LastLook:
    """Look at the in-flight list once more before a stop."""


@dataclass(frozen=True, slots=True)
class AskApp:
    """Ask the app whether it may sleep."""


@dataclass(frozen=True, slots=True)
class Start:
    """Scale from zero: nobody's request asks for it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask an instance whether it is ready: no gateway does in a wake that no request asks for."""

    instance: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Make sure that no stop decided earlier can still land."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Scale to zero, on condition that the workload's version is still this."""

    version: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the workload, the status and the definition of a service that has ended."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something changes; `blocked` says what keeps an awake service from sleeping."""

    blocked: Veto | None = None
    again_in: float | None = None


Step = Write | LastLook | AskApp | Start | Probe | Fence | Stop | Forget | Rest
