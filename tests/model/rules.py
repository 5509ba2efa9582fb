"""The real rules behind the model: a gateway's or the controller's part of a state → the steps that `core` decides on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from string import ascii_lowercase

from tests.model.states import (
    APP,
    ASLEEP,
    AWAKE,
    BUSY,
    BUSY_HOLDING,
    DRAINED,
    DRAINING,
    FORCED,
    FOUND,
    HOLD,
    IDLE,
    NOTHING,
    QUIET,
    UNANSWERED,
    Board,
    Controller,
    Entry,
    Gateway,
    Look,
)
from wakedock_operator.core import controller, gateway
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import (
    Drain,
    DrainReason,
    Failure,
    FailureReason,
    Handled,
    Report,
    ReportKind,
    Serving,
    Status,
    StopIntent,
)
from wakedock_operator.core.vetoes import Situation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = 1
NAMES = tuple(ascii_lowercase)
"""Of gateways: first those that live, then those that are gone."""

SERVING = {AWAKE: Serving.AWAKE, DRAINING: Serving.DRAINING, FORCED: Serving.DRAINING, ASLEEP: Serving.ASLEEP}
REPORTS = {
    IDLE: (ReportKind.IDLE, False),
    DRAINED: (ReportKind.DRAINED, False),
    BUSY: (ReportKind.BUSY, False),
    BUSY_HOLDING: (ReportKind.BUSY, True),
}
SAID = {report: said for said, report in REPORTS.items()}


@dataclass(frozen=True)
class Rules:
    """The rules under test. A mutant replaces one of the functions, or lets the world ignore what a step is for."""

    decide_gateway: Callable[[gateway.Facts], gateway.Step] = gateway.decide
    after: Callable[..., gateway.Memory] = gateway.after
    keeps_look: Callable[[gateway.Memory, Status], bool] = gateway.keeps_look
    decide_controller: Callable[[controller.Facts], controller.Step] = controller.decide
    rests_on_gateways: Callable[[Status, frozenset[str]], bool] = controller.rests_on_gateways
    preconditions: bool = True
    """Stops fail when the version has moved."""
    fences: bool = True
    """Fencing moves the version."""
    fresh: bool = True
    """An observation is dropped once its gateway started or fenced."""
    conditional: bool = True
    """A report fails when its gateway's entry has changed since. Needed only where a write can outlive its writer."""
    answers: bool = True
    """A gateway has seen the status that its report was merged into. Needed only where stops go by intent: the intent may be in it."""
    waits_for_ends: bool = True
    """A gateway goes to the stable address only when nothing was seen to end that may be behind it."""
    reads_first: bool = True
    """A gateway that comes reads the status consistently before it serves. Else it begins with an old view, from before a sleep."""
    lists_last: bool = True
    """Gateways are listed after the status was read. Else the list may be older."""


@dataclass(frozen=True)
class Effect:
    """One step of a gateway, and its memory once the step is done."""

    kind: str
    argument: int
    fenced: bool
    drained: bool
    allowed: bool
    let_through: bool


@dataclass(frozen=True)
class Decision:
    """One step of the controller; a write comes with what it leaves of the status."""

    kind: str
    argument: int = 0
    board: Board | None = None
    new_epoch: bool = False
    unanswered: bool = False
    """It was decided because the start took too long."""
    removed: tuple[int, ...] = ()
    """Whose entries the write takes away, by their place among all gateways."""
    recorded: bool = False
    """The write records the generation that was observed."""


LIST = Decision("List")
"""The controller lists who counts as a gateway."""


def observation(look: Look) -> Observation:
    """What the rules are shown of a look."""
    instances = tuple(Instance(str(n), f"instance-{n}", terminating=terminating, ready=ready) for n, terminating, ready in look.instances)
    failure = Failure(str(look.failure), FailureReason.EXITED, "it ended") if look.failure else None
    return Observation(look.desired, look.settled, "seen", instances, failure, generation=int(look.changed))


@dataclass
class Halves:
    """Both halves of the protocol, with what was decided before kept: the rules are pure."""

    rules: Rules
    stops_by_intent: bool
    give_up: bool
    come_and_go: bool
    _gateway: dict[tuple[Gateway, bool], tuple[Effect, ...]] = field(default_factory=dict)
    _controller: dict[object, tuple[Decision, ...]] = field(default_factory=dict)

    def gateway_steps(self, g: Gateway, *, suspended: bool) -> tuple[Effect, ...]:
        """The steps that a gateway may take now, over everything that only time decides."""
        known = self._gateway.get((g, suspended))
        if known is None:
            known = self._gateway[g, suspended] = self._gateway_steps(g, suspended)
        return known

    def keeps_look(self, g: Gateway) -> bool:
        """Whether a look from before counts in the epoch that a gateway adopts."""
        memory = gateway.Memory(EPOCH - 2 if g.missed else EPOCH - 1)
        return self.rules.keeps_look(memory, _status(g.stage, g.stop, 0, ()))

    def controller_steps(self, board: Board, entries: tuple[Entry, ...], c: Controller) -> tuple[Decision, ...]:
        """The steps that the controller may take now, over everything that only time decides."""
        key = (board, entries, c)
        known = self._controller.get(key)
        if known is None:
            known = self._controller[key] = self._controller_steps(board, entries, c)
        return known

    def _gateway_steps(self, g: Gateway, suspended: bool) -> tuple[Effect, ...]:
        effects: dict[Effect, None] = {}
        for idle in (False, True):
            for waited_long in (False, True):
                for may_start in (False, True):
                    facts = self._gateway_facts(g, suspended, idle=idle, waited_long=waited_long, may_start=may_start)
                    step = self.rules.decide_gateway(facts)
                    if isinstance(step, gateway.Rest):
                        continue
                    # The report of a gateway that lags is merged into a later epoch's status.
                    shown = facts.status if g.current else replace(facts.status, epoch=EPOCH + 1)
                    memory = self.rules.after(facts, step, answer=shown)
                    kind, argument = _gateway_step(step)
                    effects[Effect(kind, argument, memory.fenced, memory.drained, memory.allowed, memory.let_through)] = None
        return tuple(effects)

    def _gateway_facts(self, g: Gateway, suspended: bool, *, idle: bool, waited_long: bool, may_start: bool) -> gateway.Facts:
        reports = () if g.said == NOTHING else (Report(NAMES[0], REPORTS[g.said][0], EPOCH, REPORTS[g.said][1]),)
        asked = g.held or g.wanted
        memory = gateway.Memory(EPOCH if g.adopted else EPOCH - 1, g.fenced, g.drained, g.allowed, g.let_through)
        return gateway.Facts(
            gateway=NAMES[0],
            status=_status(g.stage, g.stop, 0, reports),
            memory=gateway.Memory() if g.restarted else memory,
            steering=None if g.steering == HOLD else "app" if g.steering == APP else f"instance-{g.steering}",
            held=g.held,
            wanted=g.wanted,
            refusing=suspended,
            in_flight=g.drain == FOUND,
            quiet=g.drain == QUIET,
            idle=idle and not asked and not g.in_flight,
            in_vain=waited_long and g.held and g.stage == AWAKE and not g.answered,
            patience_over=waited_long and asked,
            may_start=may_start,
            backend=observation(g.look) if g.look else None,
            answered=str(g.answered) if g.answered else None,
        )

    def _controller_steps(self, board: Board, entries: tuple[Entry, ...], c: Controller) -> tuple[Decision, ...]:
        assert c.look
        named = tuple(zip(NAMES, entries, strict=False))
        reports = tuple(Report(name, REPORTS[e.said][0], EPOCH, REPORTS[e.said][1]) for name, e in named if e.said != NOTHING)
        status = _status(board.stage, board.stop, board.failed, reports)
        counted = frozenset(name for name, e in named if e.counted)
        unlisted = self.come_and_go and not c.listed and self.rules.rests_on_gateways(status, counted)
        seen = observation(c.look)
        facts = controller.Facts(
            now=NOW,
            uid="uid",
            status=status,
            backend=replace(seen, generation=None) if self.stops_by_intent else seen,
            gateways=counted,
            listed=c.listed,
            unlisted="nobody answers" if unlisted else "",
            situation=Situation(now=NOW),
            suspended=board.suspended,
            wake_wish="new" if board.wake_wish else "old",
            sleep_wish="new" if board.sleep_wish else "old",
            stops_by_intent=self.stops_by_intent,
            looked=c.looked,
            fenced=c.fenced,
        )
        decisions: dict[Decision, None] = {_controller_step(self.rules.decide_controller(facts), facts, board): None}
        if unlisted:
            decisions[LIST] = None
        if self.give_up:
            late = replace(facts, waited=2 * facts.timeout)
            decision = _controller_step(self.rules.decide_controller(late), late, board)
            if decision not in decisions:
                decisions[replace(decision, unanswered=True)] = None
        return tuple(d for d in decisions if d.kind != "Rest")


@cache
def _status(stage: int, stop: tuple[int, ...], failed: int, reports: tuple[Report, ...]) -> Status:
    drain = Drain(DrainReason.REQUESTED if stage == FORCED else DrainReason.IDLE, forced=stage == FORCED) if stage != AWAKE else None
    return Status(
        uid="uid",
        serving=SERVING[stage],
        epoch=EPOCH,
        since=NOW,
        drain=drain,
        failed=str(failed) if failed else "",
        gateways=reports,
        stop=StopIntent(tuple(str(n) for n in stop)) if stop else None,
        generation=0,
        handled=Handled(wake="old", sleep="old"),
    )


def _gateway_step(step: gateway.Step) -> tuple[str, int]:
    kind = type(step).__name__
    match step:
        case gateway.Steer(address):
            return kind, HOLD if address is None else int(address.removeprefix("instance-"))
        case gateway.Say(report, holding):
            return kind, SAID[report, holding]
        case gateway.Probe(instance) | gateway.Grant(instance):
            return kind, int(instance.id)
        case _:
            return kind, 0


def _controller_step(step: controller.Step, facts: controller.Facts, board: Board) -> Decision:
    kind = type(step).__name__
    match step:
        case controller.Write(after):
            assert facts.status is not None
            written = Board(
                stage=_stage(after),
                stop=() if after.stop is None else tuple(int(i) for i in after.stop.instances),
                failed=0 if not after.failed else int(after.failed) if after.failed.isdigit() else UNANSWERED,
                wake_wish=facts.wake_wish != after.handled.wake,
                sleep_wish=facts.sleep_wish != after.handled.sleep,
                suspended=board.suspended,
            )
            left = {r.gateway for r in after.gateways}
            return Decision(
                kind,
                board=written,
                new_epoch=after.epoch != facts.status.epoch,
                removed=tuple(NAMES.index(r.gateway) for r in facts.status.gateways if r.gateway not in left),
                recorded=after.generation != facts.status.generation,
            )
        case controller.Probe(instance):
            return Decision(kind, int(instance))
        case _:
            return Decision(kind)


def _stage(status: Status) -> int:
    if status.serving is Serving.DRAINING:
        return FORCED if status.forced else DRAINING
    return AWAKE if status.serving is Serving.AWAKE else ASLEEP
