"""What a gateway remembers about one service, and for how long."""

from dataclasses import dataclass

from wakedock_operator.core.status import ReportKind, Serving, Status


@dataclass(frozen=True, slots=True)
class Memory:
    """What a gateway remembers about one service for one epoch. It dies with the process: `adopt` rebuilds what must survive."""

    epoch: int = -1
    """The epoch it acts for; another one in the status must be adopted first."""
    fenced: bool = False
    drained: bool = False
    """`Drained` was sent for this epoch, whether or not an answer came."""
    allowed: bool = False
    """The answer to a `Busy` showed this epoch still `Draining`."""
    let_through: bool = False
    """A request was let through in this drain: no `Drained` any more, and `Busy` is owed."""


def adopt(status: Status, gateway: str, *, restarted: bool = False) -> Memory:
    """The memory for a new epoch, or after a restart: the gateway's own report is read back before anything is decided.

    After a restart `Drained` counts as sent in any drain: the report of the process that died may still be on its way.
    """
    own = status.report_of(gateway)
    draining = status.serving is Serving.DRAINING
    return Memory(
        epoch=status.epoch,
        drained=own is ReportKind.DRAINED or (restarted and draining),
        allowed=own is ReportKind.BUSY and draining,
    )


def keeps_look(memory: Memory, status: Status) -> bool:
    """Whether a look at the backend from before the epoch of `status` counts in it.

    Only in a drain, and only where this gateway acted on the epoch before: a stop may have been sent since in every other case.
    """
    return status.serving is Serving.DRAINING and status.epoch == memory.epoch + 1
