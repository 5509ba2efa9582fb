"""What a state of the model holds: plain integers and tuples, so that millions of them can be hashed and compared.

Nothing in a state counts up. Epochs and versions are only ever compared for equality by the rules, so a state keeps the outcome of the
comparison instead: a gateway's view is of the present epoch or of a former one, an observation's version is still the workload's or has
moved, the workload's generation is the recorded one or another. An instance's number is used again once nobody refers to it any more. So a
run may go through any number of sleeps and wakes and still has finitely many states; only what the environment does is bounded.
"""

from typing import NamedTuple

# Stages.
AWAKE, DRAINING, FORCED, ASLEEP = range(4)
# What a gateway says about the epoch that it sees.
NOTHING, IDLE, DRAINED, BUSY, BUSY_HOLDING = range(5)
# Where requests are steered: the hold, an instance by its number, or the stable address of whatever runs.
HOLD, APP = 0, 99
# What the looks of the present drain found.
NOT_LOOKED, FOUND, QUIET = range(3)
# A start that was given up because nobody answered in time, in the place of a failure's number.
UNANSWERED = 9

Instances = tuple[tuple[int, bool, bool], ...]
"""(number, terminating, ready), the youngest last."""


class Board(NamedTuple):
    """What the controller wrote into the status. The gateways' entries are kept with the gateways."""

    stage: int
    stop: tuple[int, ...] = ()
    """The instances that the stop intent names."""
    failed: int = 0
    wake_wish: bool = False
    """A wish to wake that was not acted on yet."""
    sleep_wish: bool = False
    suspended: bool = False


class Backend(NamedTuple):
    """The workload. `acted` is the scale that the backend has acted on (the ReplicaSet's), which follows `desired` in its own time."""

    desired: int
    acted: int
    instances: Instances
    late: tuple[int, ...] | None = None
    """A stop of a controller that is gone, still on its way, with the instances that it was decided about."""
    failure: int = 0
    changed: bool = False
    """Its generation is another than the one recorded with `Asleep`."""


class Look(NamedTuple):
    """An observation somebody keeps, stale or not."""

    desired: int
    settled: bool
    instances: Instances
    failure: int = 0
    valid: bool = True
    """The version is still the one that was observed."""
    changed: bool = False
    """The generation that was observed is another than the one recorded with `Asleep`."""
    overtaken: bool = False
    """The generation has moved since."""


class Gateway(NamedTuple):
    """One gateway: what it has seen, what it remembers, where it steers, what waits and what is in flight there."""

    stage: int
    stop: tuple[int, ...] = ()
    current: bool = True
    """The status it has seen is of the present epoch."""
    missed: bool = False
    """There was an epoch that it did not adopt, after the last one that it did."""
    adopted: bool = True
    restarted: bool = False
    """Its activator restarted and has adopted nothing yet."""
    fenced: bool = False
    drained: bool = False
    allowed: bool = False
    let_through: bool = False
    said: int = NOTHING
    """Its report about the epoch that it has seen."""
    steering: int = HOLD
    in_flight: tuple[int, ...] = ()
    held: bool = False
    wanted: bool = False
    look: tuple[()] | Look = ()
    answered: int = 0
    drain: int = NOT_LOOKED
    late: bool = False
    """A `Drained` that its activator sent before it died is still on its way."""
    counted: bool = True
    """The controller's last list of who counts as a gateway has it."""


class Controller(NamedTuple):
    """The controller between two calls of its ports."""

    alive: bool = True
    look: tuple[()] | Look = ()
    fenced: bool = False
    looked: bool = False
    stopping: tuple[int, ...] | None = None
    """A stop that was decided and not yet sent, with the instances that it was decided about."""
    listed: bool = False
    """It listed who counts as a gateway, and the status has not changed since."""


class Bounds(NamedTuple):
    """How often the environment may still do what nobody asked it to."""

    arrivals: int = 0
    visits: int = 0
    """Somebody wants the app without a parked request: a waiting page, a waking dependant."""
    crashes: int = 0
    """An instance ends by itself."""
    failing_starts: int = 0
    controller_crashes: int = 0
    restarts: int = 0
    """Of activators."""
    sleeps: int = 0
    """Wishes to sleep: forced drains."""
    wakes: int = 0
    """Wishes to wake."""
    scalings: int = 0
    """Somebody else scales the workload."""
    suspensions: int = 0
    absent: int = 0
    """How many of the two gateways are not there at the beginning."""
    comings: int = 0
    """Of gateways."""
    goings: int = 0
    """Gateways that are gone for good, at once."""


class Entry(NamedTuple):
    """What the status says of one gateway in the present epoch, and whether the controller's last list has that gateway."""

    said: int
    counted: bool


class State(NamedTuple):
    """Everything. The gateways are interchangeable and stand in order."""

    board: Board
    backend: Backend
    gateways: tuple[Gateway, ...]
    controller: Controller
    left: Bounds
    gone: tuple[Entry, ...] = ()
    """Gateways that are gone for good and left an entry of this epoch, or are still in the controller's last list."""
