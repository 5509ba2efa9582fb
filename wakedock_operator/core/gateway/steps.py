"""What a gateway may do next. Each step is one call of one port."""

from dataclasses import dataclass

from wakedock_operator.core.observation import Instance
from wakedock_operator.core.status import ReportKind


@dataclass(frozen=True, slots=True)
class Steer:
    """Write the steering file; None is the hold."""

    address: str | None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over the epoch of the status."""


@dataclass(frozen=True, slots=True)
class Say:
    """Write this gateway's report about the epoch."""

    kind: ReportKind
    holding: bool
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class LookInFlight:
    """Go on with the drain: look at the in-flight list, wait the quiet moment, look once more."""


@dataclass(frozen=True, slots=True)
class Observe:
    """Take a consistent look at the backend."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Make sure that no stop decided earlier can still land."""


@dataclass(frozen=True, slots=True)
class Start:
    """Scale from zero."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask an instance whether it is ready."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class Grant:
    """Steer to the instance, then answer the holds."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer what is held with a problem."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something changes. `waiting` says for what, in words for the log."""

    waiting: str = ""


Step = Steer | Adopt | Say | LookInFlight | Observe | Fence | Start | Probe | Grant | Refuse | Rest
