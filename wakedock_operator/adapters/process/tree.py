"""Which processes belong to an app.

Its session and process group, every descendant, and every process that carries the app's marker in its environment: workers that
were re-parented or made a session of their own keep the marker, workers that overwrote their environment (to show a title) keep the
session. A process that leaves its session and its environment behind is found as long as its parents live, and later if it was seen
before. Only one that leaves all three behind is not found.
"""

import os
from collections.abc import Iterable

from wakedock_operator.adapters.process.procfs import Stat, marker, processes


def members(*, leader: int, start_ticks: int, mark: str, seen: frozenset[tuple[int, int]] = frozenset()) -> tuple[Stat, ...]:
    """The living processes of the app whose first process is (or was) `leader`. Reads all of /proc: call it in a thread.

    `seen` are pids and start ticks of processes that belonged to it at an earlier look.
    """
    everything = processes()
    first = everything.get(leader)
    # Another process has the number now: the session of that number is a stranger's.
    recycled = first is not None and first.start_ticks != start_ticks
    found = {
        each.pid
        for each in everything.values()
        if (not recycled and leader in {each.pid, each.session, each.group})
        or (each.pid, each.start_ticks) in seen
        # Whatever is older than the first process was not started by it, and need not be opened.
        or (each.start_ticks >= start_ticks and marker(each.pid) == mark)
    }
    found |= _descendants(found, everything.values())
    found.discard(os.getpid())
    return tuple(everything[pid] for pid in sorted(found) if not everything[pid].ended)


def strays(*, installation: str, known: frozenset[str]) -> tuple[Stat, ...]:
    """The living processes that this installation once started (by their marker) and that belong to no known instance."""
    found = []
    for each in processes().values():
        mark = marker(each.pid)
        if mark.startswith(f"{installation}/") and mark not in known and not each.ended and each.pid != os.getpid():
            found.append(each)
    return tuple(found)


def _descendants(roots: set[int], everything: Iterable[Stat]) -> set[int]:
    children: dict[int, list[int]] = {}
    for each in everything:
        children.setdefault(each.parent, []).append(each.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found and child not in roots:
                found.add(child)
                waiting.append(child)
    return found
