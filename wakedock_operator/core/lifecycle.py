"""The lifecycle of a service: which change of `serving` is allowed from where, as one table.

    Awake ──drain──▶ Draining ──commit──▶ Asleep ──wake──▶ Awake
      │                 │ ▲
      │              undrain (back to Awake)
      └──force──▶ Draining (forced) ──commit──▶ Asleep
                        │  ▲
                      wake └── give up ── Asleep        (a start that failed, or that is not wanted any more)

Every change adds one to the epoch, so reports about the state before are void.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from .status import Drain, Serving, Status, StopIntent, WakeReason


class Change(StrEnum):
    """What the controller may decide."""

    DRAIN = "drain"
    FORCE = "force"
    UNDRAIN = "undrain"
    COMMIT = "commit"
    WAKE = "wake"
    GIVE_UP = "give up"


class Stage(StrEnum):
    """`serving`, with the two kinds of draining told apart."""

    AWAKE = "Awake"
    DRAINING = "Draining"
    FORCED = "Draining (forced)"
    ASLEEP = "Asleep"


TABLE: dict[tuple[Stage, Change], Stage] = {
    (Stage.AWAKE, Change.DRAIN): Stage.DRAINING,
    (Stage.AWAKE, Change.FORCE): Stage.FORCED,
    (Stage.DRAINING, Change.UNDRAIN): Stage.AWAKE,
    (Stage.DRAINING, Change.COMMIT): Stage.ASLEEP,
    (Stage.FORCED, Change.COMMIT): Stage.ASLEEP,
    (Stage.FORCED, Change.WAKE): Stage.AWAKE,
    (Stage.ASLEEP, Change.WAKE): Stage.AWAKE,
    (Stage.ASLEEP, Change.GIVE_UP): Stage.FORCED,
}

SERVING: dict[Stage, Serving] = {
    Stage.AWAKE: Serving.AWAKE,
    Stage.DRAINING: Serving.DRAINING,
    Stage.FORCED: Serving.DRAINING,
    Stage.ASLEEP: Serving.ASLEEP,
}


class IllegalChange(Exception):
    """A change that the table does not know: a mistake in the rules, never in the input."""


def stage_of(status: Status) -> Stage:
    """The stage that `status` is in."""
    if status.serving is Serving.DRAINING:
        return Stage.FORCED if status.forced else Stage.DRAINING
    return Stage(status.serving)


def initial(*, uid: str, desired: int, now: datetime, drain: Drain | None = None) -> Status:
    """The first status: awake if the workload is to run, asleep otherwise."""
    serving = Serving.AWAKE if desired > 0 else Serving.ASLEEP
    woken_by = WakeReason.ADOPTED if desired > 0 else None
    return Status(uid=uid, serving=serving, epoch=0, since=now, drain=drain, woken_by=woken_by)


def change(
    status: Status,
    what: Change,
    *,
    now: datetime,
    drain: Drain | None = None,
    stop: StopIntent | None = None,
    woken_by: WakeReason | None = None,
) -> Status:
    """The status after `what`. Raises IllegalChange for one that the table does not hold.

    `drain` goes with the changes into a drain, `stop` with a commit on a backend whose stops carry no version, `woken_by` with a wake.
    """
    stage = TABLE.get((stage_of(status), what))
    if stage is None:
        message = f"{what} is not possible from {stage_of(status)}"
        raise IllegalChange(message)
    after = replace(status, serving=SERVING[stage], epoch=status.epoch + 1, since=now)
    match stage:
        case Stage.AWAKE:
            asker = next((r.asker for r in status.gateways if r.epoch == status.epoch and r.asker is not None), None)
            return replace(after, drain=None, stop=None, woken_by=woken_by, asker=asker, failures=0, failed="")
        case Stage.DRAINING | Stage.FORCED:
            return replace(after, drain=drain, stop=None)
        case Stage.ASLEEP:
            return replace(after, stop=stop)
