"""Breadth-first search through every state, and the proof backwards that every held request can be served."""

import gc
from array import array
from collections import deque
from dataclasses import dataclass

from tests.model.states import State
from tests.model.world import UNSERVED, Label, Lost, World


@dataclass(frozen=True)
class Outcome:
    """What a search found."""

    states: int
    lost: str = ""
    """How a request is lost, with the shortest run that loses it; empty when none is."""
    stuck: str = ""
    """A state with a held request that nothing that may still happen serves, with the shortest run to it."""

    @property
    def wrong(self) -> str:
        """What is wrong; empty for nothing."""
        return self.lost or self.stuck


def explore(world: World, *, limit: int | None = None) -> Outcome:
    """Visit every state that `world` can reach, or the first `limit` ones. Stops at the first loss."""
    gc.disable()  # Millions of tuples without a cycle: looking for cycles among them takes a third of the time.
    try:
        return _explore(world, limit)
    finally:
        gc.enable()


def _explore(world: World, limit: int | None) -> Outcome:
    first = world.beginning()
    numbers: dict[State, int] = {first: 0}
    parents, reached_by = array("l", [-1]), list[Label]([("",)])
    labels: dict[Label, Label] = {}
    sources, targets = array("l"), array("l")
    waiting = bytearray([0])
    queue = deque([first])
    while queue:
        state = queue.popleft()
        number = numbers[state]
        try:
            for label, after in world.successors(state):
                known = numbers.get(after)
                if known is None:
                    known = numbers[after] = len(parents)
                    parents.append(number)
                    reached_by.append(labels.setdefault(label, label))
                    waiting.append(any(g.held for g in after.gateways))
                    queue.append(after)
                if label[1] not in UNSERVED:
                    sources.append(number)
                    targets.append(known)
        except Lost as lost:
            return Outcome(len(parents), lost=f"{lost}, after: {_run(parents, reached_by, number)}")
        if limit is not None and len(parents) >= limit:
            return Outcome(len(parents))
    stuck = _stuck(sources, targets, waiting)
    return Outcome(len(parents), stuck="" if stuck is None else f"held for ever, after: {_run(parents, reached_by, stuck)}")


def _run(parents: "array[int]", reached_by: list[Label], number: int) -> str:
    steps: list[str] = []
    while parents[number] >= 0:
        steps.append(" ".join(reached_by[number]))
        number = parents[number]
    return "; ".join(reversed(steps))


def _stuck(sources: "array[int]", targets: "array[int]", waiting: bytearray) -> int | None:
    """The first state with a held request from which no run leads to one without."""
    count = len(waiting)
    begins = array("l", bytes((count + 1) * array("l").itemsize))
    for target in targets:
        begins[target + 1] += 1
    for i in range(count):
        begins[i + 1] += begins[i]
    before = array("l", bytes(len(sources) * array("l").itemsize))
    filled = array("l", begins)
    for source, target in zip(sources, targets, strict=True):
        before[filled[target]] = source
        filled[target] += 1
    good = bytearray(not w for w in waiting)
    queue = deque(i for i in range(count) if good[i])
    while queue:
        number = queue.popleft()
        for i in range(begins[number], begins[number + 1]):
            source = before[i]
            if not good[source]:
                good[source] = 1
                queue.append(source)
    return next((i for i in range(count) if not good[i]), None)
