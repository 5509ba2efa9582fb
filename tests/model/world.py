"""The environment of the rules: what each step does to the world, and what the world does on its own, in any order.

Each successor of a state is one call of a port, one event at a gateway, or one step of the backend. Everybody may stall for ever between
two of them, so every delay of a network, a watch, a process or a machine is among the runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.model.rules import Decision, Effect, Halves, Rules
from tests.model.states import (
    APP,
    AWAKE,
    DRAINED,
    FOUND,
    HOLD,
    NOT_LOOKED,
    NOTHING,
    QUIET,
    Backend,
    Board,
    Bounds,
    Controller,
    Entry,
    Gateway,
    Instances,
    Look,
    State,
)

Label = tuple[str, ...]
LEAVES = "leaves"
GOES = "is gone for good"
UNSERVED = frozenset({LEAVES, GOES})
"""A client that leaves is not one that was served, nor one whose gateway goes."""


class Lost(Exception):
    """A request is lost: the instance that has it is stopped, or it is sent to one that is on its way out."""


@dataclass(frozen=True)
class Kind:
    """A kind of backend."""

    name: str
    stops_by_intent: bool
    """Stops carry no version beyond the process that decided them, and name their instances on record first."""
    restarts_itself: bool
    """A crashed instance comes back without anybody's request."""
    own_processes: bool
    """Controller and gateways are processes of their own: the controller can be gone for good, and gateways come and go."""

    def knows(self, bounds: Bounds) -> bool:
        """Whether everything that may happen within `bounds` happens with this kind."""
        return self.own_processes or not (bounds.comings or bounds.goings)


VERSIONED = Kind("versioned", stops_by_intent=False, restarts_itself=True, own_processes=True)
"""As on Kubernetes: a Deployment, its ReplicaSet and its pods follow one another, and a stop carries the version that it was decided on."""
BY_INTENT = Kind("by intent", stops_by_intent=True, restarts_itself=False, own_processes=False)
"""As with processes and containers."""


class World:
    """The successors of a state, for one kind of backend and one set of rules."""

    def __init__(self, kind: Kind, rules: Rules, bounds: Bounds) -> None:
        self.kind = kind
        self.rules = rules
        self.bounds = bounds
        self.come_and_go = bool(bounds.comings or bounds.goings)
        self.halves = Halves(rules, kind.stops_by_intent, give_up=bounds.failing_starts > 0, come_and_go=self.come_and_go)

    def beginning(self) -> State:
        """Awake, with one instance that answered all gateways, and that all steer to."""
        gateway = Gateway(AWAKE, steering=1 if self.kind.stops_by_intent else APP, answered=1)
        gateways = (gateway,) * (2 - self.bounds.absent)
        return State(Board(AWAKE), Backend(1, 1, ((1, False, True),)), gateways, Controller(), self.bounds)

    def successors(self, s: State) -> Iterator[tuple[Label, State]]:
        """Everything that may happen next, named. Raises Lost when it loses a request."""
        for n, g in enumerate(s.gateways):
            if n == 0 or g != s.gateways[n - 1]:
                yield from self._gateway(s, n)
        if s.left.comings:
            yield ("another gateway", "comes"), self._comes(s)
        yield from self._controller(s)
        yield from self._backend(s)
        yield from self._people(s)

    # Gateways

    def _gateway(self, s: State, n: int) -> Iterator[tuple[Label, State]]:
        g, name = s.gateways[n], f"gateway {n}"
        for effect in self.halves.gateway_steps(g, suspended=s.board.suspended):
            yield (name, effect.kind, str(effect.argument)), self._carry_out(s, n, effect)
            if (effect.kind, effect.argument) == ("Say", DRAINED) and s.left.restarts and not self.kind.stops_by_intent:
                left = s.left._replace(restarts=s.left.restarts - 1)
                late = self._restarted(s.board, g)._replace(late=g.current)
                yield (name, "restarts with Drained on its way"), put(s, n, late)._replace(left=left)
        if not g.current or g.stop != s.board.stop:
            yield (name, "sees the status"), put(s, n, self._sees(s.board, g))
        if g.look and g.look != self._look(s.backend):
            yield (name, "is told that the backend changed"), put(s, n, g._replace(look=()))
        if g.stage == AWAKE and g.adopted and self._goes_to_stable(g) and any(running(s.backend)):
            yield (name, "steers to the stable address"), put(s, n, g._replace(steering=APP))
        if g.late:
            yield (name, "is said to be drained by the late report"), self._told(put(s, n, g._replace(late=False, said=DRAINED)))
        for instance in g.in_flight:
            yield (name, "answers", str(instance)), put(s, n, g._replace(in_flight=tuple(i for i in g.in_flight if i != instance)))
        if g.held:
            yield (name, LEAVES), put(s, n, g._replace(held=False))
        if g.wanted:
            yield (name, LEAVES), put(s, n, g._replace(wanted=False))
        yield from self._arrivals(s, n, g, name)
        if s.left.restarts:
            left = s.left._replace(restarts=s.left.restarts - 1)
            yield (name, "restarts"), put(s, n, self._restarted(s.board, g))._replace(left=left)
        if s.left.goings:
            yield (name, GOES), self._goes(s, n)

    def _goes_to_stable(self, g: Gateway) -> bool:
        """Nothing that ends was seen: it could be behind that address."""
        ends = isinstance(g.look, Look) and any(terminating for _, terminating, _ in g.look.instances)
        may = bool(g.look) and not (ends and self.rules.waits_for_ends)
        return self.kind.restarts_itself and g.steering not in {HOLD, APP} and may

    def _arrivals(self, s: State, n: int, g: Gateway, name: str) -> Iterator[tuple[Label, State]]:
        if s.left.arrivals and not g.held:
            left = s.left._replace(arrivals=s.left.arrivals - 1)
            for instance, terminating, ready in s.backend.instances:
                if g.steering in {APP, instance}:
                    if terminating:
                        raise Lost(f"{name} sends a request to instance {instance}, which terminates")
                    if ready:
                        yield (name, "sends a request", str(instance)), put(s, n, served(g, instance))._replace(left=left)
            if g.steering == HOLD:
                yield (name, "holds a request"), put(s, n, g._replace(held=True))._replace(left=left)
            elif not any(g.steering in {APP, i} and ready for i, _, ready in s.backend.instances):
                yield (name, "dials in vain"), put(s, n, g._replace(held=True, answered=0))._replace(left=left)
        if s.left.visits and not g.wanted:
            left = s.left._replace(visits=s.left.visits - 1)
            yield (name, "is wanted"), put(s, n, g._replace(wanted=True))._replace(left=left)

    def _carry_out(self, s: State, n: int, effect: Effect) -> State:
        g, backend = s.gateways[n], s.backend
        g = g._replace(fenced=effect.fenced, drained=effect.drained, allowed=effect.allowed, let_through=effect.let_through)
        match effect.kind:
            case "Steer":
                return put(s, n, g._replace(steering=effect.argument, drain=NOT_LOOKED))
            case "Adopt":
                look = g.look if self.halves.keeps_look(g) else ()
                return put(s, n, g._replace(adopted=True, restarted=False, missed=False, look=look, drain=NOT_LOOKED))
            case "Say":
                g = g._replace(said=effect.argument, late=g.late and not self.rules.conditional)
                return self._told(put(s, n, self._sees(s.board, g) if self.rules.answers and self.kind.stops_by_intent else g))
            case "LookInFlight":
                return put(s, n, g._replace(drain=FOUND if g.in_flight else QUIET))
            case "Observe":
                return put(s, n, g._replace(look=self._look(backend)))
            case "Fence":
                kept = g.look if not self.rules.fresh else ()
                return self._moved(put(s, n, g._replace(look=kept)), backend) if self.rules.fences else put(s, n, g._replace(look=kept))
            case "Start":
                kept = g.look if not self.rules.fresh else ()
                return self._started(put(s, n, g._replace(look=kept)))
            case "Probe":
                if any(i == effect.argument for i, _, _ in backend.instances):
                    return put(s, n, g._replace(answered=effect.argument))._replace(backend=answering(backend, effect.argument))
                return s
            case "Grant":
                return self._granted(s, n, g, effect.argument)
            case "Refuse":
                return put(s, n, g._replace(held=False))
        raise AssertionError(effect)

    def _granted(self, s: State, n: int, g: Gateway, instance: int) -> State:
        g = g._replace(steering=instance, wanted=False, drain=NOT_LOOKED)
        if not g.held:
            return put(s, n, g)
        found = next((i for i in s.backend.instances if i[0] == instance), None)
        if found is None or not found[2]:
            return put(s, n, g._replace(answered=0))
        if found[1]:
            raise Lost(f"gateway {n} grants to instance {instance}, which terminates")
        return put(s, n, served(g._replace(held=False), instance))

    def _told(self, s: State) -> State:
        """`s` after a report: the status is another than the one after which gateways were listed."""
        return s._replace(controller=s.controller._replace(listed=False)) if s.controller.listed and self.rules.lists_last else s

    def _comes(self, s: State) -> State:
        """A gateway with nothing but the status. From here on it counts, which in the world it does a little earlier."""
        known = self.rules.reads_first or s.board.stage == AWAKE
        view = Gateway(s.board.stage, s.board.stop) if known else Gateway(AWAKE, current=False)
        came = view._replace(adopted=False, restarted=True, counted=False)
        return s._replace(gateways=tuple(sorted((*s.gateways, came))), left=s.left._replace(comings=s.left.comings - 1))

    def _goes(self, s: State, n: int) -> State:
        """What it holds and carries dies with it, which is the loss of whoever ends it. Its entry stays.

        A report that it sent can land after its end only on the status that it was made on: as if it had landed just before.
        """
        g = s.gateways[n]
        entry = Entry(g.said if g.current else NOTHING, g.counted)
        left = s.left._replace(goings=s.left.goings - 1)
        return s._replace(gateways=(*s.gateways[:n], *s.gateways[n + 1 :]), gone=remembered((*s.gone, entry)), left=left)

    def _sees(self, board: Board, g: Gateway) -> Gateway:
        if g.current:
            return g._replace(stop=board.stop)
        return g._replace(
            stage=board.stage,
            stop=board.stop,
            current=True,
            adopted=False,
            said=NOTHING,
            fenced=False,
            drained=False,
            allowed=False,
            let_through=False,
            late=False,
        )

    def _restarted(self, board: Board, g: Gateway) -> Gateway:
        """Its memory is gone; what it reported, where it steers, what is in flight and what Caddy holds stayed."""
        return Gateway(
            board.stage,
            board.stop,
            adopted=False,
            restarted=True,
            said=g.said if g.current else NOTHING,
            steering=g.steering,
            in_flight=g.in_flight,
            held=g.held,
            late=g.late and g.current,
            counted=g.counted,
        )

    # Controller

    def _controller(self, s: State) -> Iterator[tuple[Label, State]]:
        c = s.controller
        if not c.alive:
            return
        if s.left.controller_crashes:
            yield from self._controller_crashes(s)
        if c.stopping is not None:
            yield ("controller", "stops"), self._stopped(s._replace(controller=Controller()), c.stopping)
            return
        look = self._look(s.backend, failure=True, ready=True)
        if c.look != look:
            yield ("controller", "observes"), s._replace(controller=c._replace(look=look, listed=c.listed and not self.rules.lists_last))
        if self.come_and_go and not c.listed and (listed := self._listed(s)) != s:
            yield ("controller", "is shown who is a gateway"), listed
        if not c.look:
            return
        entries = tuple(Entry(g.said if g.current else NOTHING, g.counted) for g in s.gateways) + s.gone
        for decision in self.halves.controller_steps(s.board, entries, c):
            if not (decision.unanswered and not s.left.failing_starts):
                yield ("controller", decision.kind, *described(decision)), self._carry_out_decision(s, decision)

    def _carry_out_decision(self, s: State, decision: Decision) -> State:
        c, backend = s.controller, s.backend
        rested = s._replace(controller=Controller(fenced=c.fenced))
        match decision.kind:
            case "Write":
                assert decision.board is not None
                if not decision.new_epoch:
                    return self._without(rested._replace(board=decision.board), decision.removed)
                left = s.left._replace(failing_starts=s.left.failing_starts - 1) if decision.unanswered else s.left
                lagging = tuple(sorted(g._replace(current=False, missed=not (g.current and g.adopted)) for g in s.gateways))
                gone = remembered(Entry(NOTHING, e.counted) for e in s.gone)
                if decision.recorded and c.look:
                    backend = backend._replace(changed=c.look.overtaken)
                return State(decision.board, backend, lagging, Controller(), left, gone)
            case "List":
                listed = self._listed(s)
                return listed._replace(controller=c._replace(listed=True))
            case "LastLook":
                quiet = not any(g.in_flight for g in s.gateways)
                return s._replace(controller=Controller(fenced=c.fenced, looked=quiet))
            case "Start":
                return self._started(rested)
            case "Probe":
                return rested._replace(backend=answering(backend, decision.argument))
            case "Fence":
                fenced = s._replace(controller=Controller(fenced=True))
                return self._moved(fenced, backend) if self.rules.fences else fenced
            case "Stop":
                assert c.look
                named = tuple(i for i, terminating, _ in c.look.instances if not terminating)
                if self.rules.preconditions and not c.look.valid:
                    return rested
                return s._replace(controller=Controller(fenced=c.fenced, stopping=named))
        raise AssertionError(decision)

    def _listed(self, s: State) -> State:
        """The controller knows who counts as a gateway at this moment."""
        counted = tuple(sorted(g._replace(counted=True) for g in s.gateways))
        return s._replace(gateways=counted, gone=remembered(Entry(e.said, counted=False) for e in s.gone))

    def _without(self, s: State, removed: tuple[int, ...]) -> State:
        """Without the entries of these, who live or are gone."""
        if not removed:
            return s
        living = tuple(sorted(g._replace(said=NOTHING) if n in removed else g for n, g in enumerate(s.gateways)))
        gone = remembered(Entry(NOTHING, e.counted) if n in removed else e for n, e in enumerate(s.gone, len(s.gateways)))
        return s._replace(gateways=living, gone=gone)

    def _controller_crashes(self, s: State) -> Iterator[tuple[Label, State]]:
        c = s.controller
        left = s.left._replace(controller_crashes=s.left.controller_crashes - 1)
        lives = (Controller(), Controller(alive=False)) if self.kind.own_processes else (Controller(),)
        for life in lives:
            how = "restarts" if life.alive else "is gone for good"
            if c != life:
                yield ("controller", how), s._replace(controller=life, left=left)
            if c.stopping is not None:
                sent = s.backend._replace(late=c.stopping)
                yield ("controller", f"{how} with a stop on its way"), s._replace(controller=life, left=left, backend=sent)

    # Backend

    def _backend(self, s: State) -> Iterator[tuple[Label, State]]:
        b = s.backend
        if b.late is not None:
            yield ("backend", "is reached by the late stop"), self._stopped(s._replace(backend=b._replace(late=None)), b.late)
        if b.acted != b.desired and not self.kind.stops_by_intent:
            yield ("backend", "acts on the scale"), s._replace(backend=b._replace(acted=b.desired))
        live = running(b)
        if b.acted == 0 and live and not self.kind.stops_by_intent:
            yield ("backend", "ends what runs"), self._ended(s, live)
        if b.acted == 1 and not live:
            yield ("backend", "starts an instance"), s._replace(backend=b._replace(instances=(*b.instances, (unused(s), False, False))))
        for i, terminating, ready in b.instances:
            if terminating:
                gone = b._replace(instances=tuple(x for x in b.instances if x[0] != i))
                yield ("backend", "has ended", str(i)), s._replace(backend=gone)
            elif s.left.crashes:
                left = s.left._replace(crashes=s.left.crashes - 1)
                yield ("backend", "lost to a crash", str(i)), self._crashed(s, i)._replace(left=left)
            if s.left.failing_starts and not terminating and not ready:
                left = s.left._replace(failing_starts=s.left.failing_starts - 1)
                crashed = self._crashed(s, i)
                failed = crashed.backend._replace(failure=s.left.failing_starts)
                yield ("backend", "fails to start", str(i)), crashed._replace(backend=failed, left=left)

    def _crashed(self, s: State, instance: int) -> State:
        """It is gone, and with it what was in flight there: that is the app's own loss."""
        b = s.backend
        desired = 0 if self.kind.stops_by_intent else b.desired
        gone = b._replace(instances=tuple(x for x in b.instances if x[0] != instance), desired=desired, acted=min(b.acted, desired))
        cut = tuple(sorted(g._replace(in_flight=tuple(i for i in g.in_flight if i != instance)) for g in s.gateways))
        return s._replace(backend=gone, gateways=cut)

    def _stopped(self, s: State, named: tuple[int, ...]) -> State:
        """A stop lands whose precondition holds. By intent it reaches the instances that it names, and no other."""
        b = s.backend
        if not self.kind.stops_by_intent:
            return self._scaled(s, b._replace(desired=0))
        after = self._ended(s, tuple(i for i in running(b) if i in named))
        left = running(after.backend)
        down = after.backend if left else after.backend._replace(desired=0, acted=0)
        return self._moved(after, down)

    def _ended(self, s: State, instances: tuple[int, ...]) -> State:
        for g in s.gateways:
            for i in g.in_flight:
                if i in instances:
                    raise Lost(f"instance {i} is stopped while it has a request of a gateway")
        b = s.backend
        return s._replace(backend=b._replace(instances=tuple((i, t or i in instances, r) for i, t, r in b.instances)))

    def _started(self, s: State) -> State:
        b = s.backend
        if b.desired:
            return s
        return self._scaled(s, b._replace(desired=1, acted=1 if self.kind.stops_by_intent else b.acted))

    def _scaled(self, s: State, backend: Backend) -> State:
        """`backend`, of which something else is asked now: its generation moves, where it has one, and so its version."""
        if self.kind.stops_by_intent:
            return self._moved(s, backend)
        c = s.controller
        if c.look and not c.look.overtaken:
            s = s._replace(controller=c._replace(look=c.look._replace(overtaken=True)))
        return self._moved(s, backend._replace(changed=True))

    def _moved(self, s: State, backend: Backend) -> State:
        """`backend`, with its version moved: what was decided on the former one is void."""
        if not self.rules.preconditions:
            return s._replace(backend=backend)
        c = s.controller
        if c.look and c.look.valid:
            c = c._replace(look=c.look._replace(valid=False))
        late = backend.late if self.kind.stops_by_intent else None
        return s._replace(backend=backend._replace(late=late), controller=c._replace(stopping=None))

    # People

    def _people(self, s: State) -> Iterator[tuple[Label, State]]:
        board, left, b = s.board, s.left, s.backend
        if left.sleeps and not board.sleep_wish:
            yield (
                ("somebody", "asks for sleep"),
                s._replace(board=board._replace(sleep_wish=True), left=left._replace(sleeps=left.sleeps - 1)),
            )
        if left.wakes and not board.wake_wish:
            yield ("somebody", "asks to wake"), s._replace(board=board._replace(wake_wish=True), left=left._replace(wakes=left.wakes - 1))
        if left.suspensions:
            toggled = board._replace(suspended=not board.suspended)
            yield ("somebody", "suspends or resumes"), s._replace(board=toggled, left=left._replace(suspensions=left.suspensions - 1))
        if left.scalings:
            fewer = left._replace(scalings=left.scalings - 1)
            if b.desired:
                vanished = s
                for i in running(b):
                    vanished = self._crashed(vanished, i)
                yield (
                    ("somebody", "scales to zero"),
                    self._scaled(vanished, vanished.backend._replace(desired=0, acted=0))._replace(left=fewer),
                )
            else:
                yield ("somebody", "scales up"), self._started(s)._replace(left=fewer)

    # Looking

    def _look(self, b: Backend, *, failure: bool = False, ready: bool = False) -> Look:
        """An observation of `b`. A gateway decides nothing by what only the controller looks at, so its looks are without it."""
        live = running(b)
        settled = b.desired == b.acted and len(live) == b.acted
        instances: Instances = b.instances if ready else tuple((i, t, False) for i, t, _ in b.instances)
        return Look(b.desired, settled, instances, b.failure if failure else 0, changed=b.changed and ready)


def put(s: State, n: int, g: Gateway) -> State:
    """`s` with gateway `n` replaced; gateways stand in order, so that two states that differ in their names only are one."""
    return s._replace(gateways=tuple(sorted((*s.gateways[:n], g, *s.gateways[n + 1 :]))))


def remembered(gone: Iterable[Entry]) -> tuple[Entry, ...]:
    """Of gateways that are gone, those that still matter to anybody."""
    return tuple(sorted(e for e in gone if e.said != NOTHING or e.counted))


def running(b: Backend) -> tuple[int, ...]:
    """The instances that are not on their way out."""
    return tuple(i for i, terminating, _ in b.instances if not terminating)


def served(g: Gateway, instance: int) -> Gateway:
    """A request is in flight to `instance`."""
    return g if instance in g.in_flight else g._replace(in_flight=tuple(sorted((*g.in_flight, instance))))


def answering(b: Backend, instance: int) -> Backend:
    """`instance` has answered its probe; what went wrong before is over."""
    if all(ready or i != instance for i, _, ready in b.instances):
        return b
    return b._replace(instances=tuple((i, t, r or i == instance) for i, t, r in b.instances), failure=0)


def unused(s: State) -> int:
    """The smallest number that nobody refers to."""
    used = {i for i, _, _ in s.backend.instances} | set(s.board.stop) | set(s.backend.late or ()) | set(s.controller.stopping or ())
    for look in (s.controller.look, *(g.look for g in s.gateways)):
        if look:
            used.update(i for i, _, _ in look.instances)
    for g in s.gateways:
        used.update((g.steering, g.answered, *g.stop, *g.in_flight))
    return next(i for i in range(1, APP) if i not in used)


def described(decision: Decision) -> tuple[str, ...]:
    """A write in words."""
    if decision.board is None:
        return () if decision.argument == 0 else (str(decision.argument),)
    stage = ("Awake", "Draining", "Draining (forced)", "Asleep")[decision.board.stage]
    named = f", stop {decision.board.stop}" if decision.board.stop else ""
    return (f"{stage}{named}",)
