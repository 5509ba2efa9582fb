"""Statuses and looks that the rules are tried on."""

from datetime import UTC, datetime

from wakedock_operator.core.lifecycle import SERVING, Stage
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Drain, DrainReason, Report, ReportKind, Status, StopIntent

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EPOCH = 7
IDLE_DRAIN = Drain(DrainReason.IDLE, forced=False)
FORCED_DRAIN = Drain(DrainReason.REQUESTED, forced=True)
DRAINS = {Stage.AWAKE: None, Stage.DRAINING: IDLE_DRAIN, Stage.FORCED: FORCED_DRAIN, Stage.ASLEEP: IDLE_DRAIN}


def status(stage: Stage, *reports: Report, stop: tuple[str, ...] = (), **fields: object) -> Status:
    """A status in `stage` at epoch 7."""
    given: dict[str, object] = {"drain": DRAINS[stage], "stop": StopIntent(stop) if stop else None, "gateways": reports, **fields}
    return Status(uid="uid", serving=SERVING[stage], epoch=EPOCH, since=NOW, **given)  # type: ignore[arg-type]


def says(kind: ReportKind, gateway: str = "a", *, holding: bool = False, epoch: int = EPOCH) -> Report:
    """What a gateway says about the present epoch, or another one."""
    return Report(gateway, kind, epoch, holding)


def runs(*instances: Instance, settled: bool = True, **fields: object) -> Observation:
    """A look at a workload that is to run."""
    return Observation(desired=1, settled=settled, version="v1", instances=instances, **fields)  # type: ignore[arg-type]


def stopped(*instances: Instance, settled: bool = True, **fields: object) -> Observation:
    """A look at a workload that is not to run."""
    return Observation(desired=0, settled=settled, version="v1", instances=instances, **fields)  # type: ignore[arg-type]


READY = Instance("one", "127.0.0.1:1", ready=True)
STARTING = Instance("one", "127.0.0.1:1")
ENDING = Instance("old", "127.0.0.1:9", ready=True, terminating=True)
