"""Which services need which: pure questions about `spec.dependsOn`.

Dependencies are named inside one namespace. A name that nobody has is left out of every answer but `missing`.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from wakedock_operator.resource import Key, WakeService

Services = Mapping[Key, WakeService]


def missing(key: Key, services: Services) -> tuple[Key, ...]:
    """The direct dependencies of `key` that do not exist."""
    return tuple(dependency for dependency in services[key].dependencies if dependency not in services)


def chain(key: Key, services: Services) -> tuple[Key, ...]:
    """Everything `key` needs, directly or not, in the order in which it can start; `key` itself is not in it."""
    return tuple(each for each in _dependencies_first((key,), services) if each != key)


def order(services: Services) -> tuple[Key, ...]:
    """All services, each after its dependencies. In a cycle, which nobody should be served, some edge is passed over."""
    return _dependencies_first(sorted(services), services)


def dependants(services: Services) -> Mapping[Key, tuple[Key, ...]]:
    """For each service that is needed, who needs it directly."""
    found: dict[Key, list[Key]] = {}
    for key in sorted(services):
        for dependency in services[key].dependencies:
            if dependency in services:
                found.setdefault(dependency, []).append(key)
    return {key: tuple(who) for key, who in found.items()}


def all_dependants(key: Key, services: Services) -> tuple[Key, ...]:
    """Everything that needs `key`, directly or not, in the order in which it can go to sleep: dependants before what they need."""
    direct = dependants(services)
    reached, waiting = {key}, deque((key,))
    while waiting:
        for who in direct.get(waiting.popleft(), ()):
            if who not in reached:
                reached.add(who)
                waiting.append(who)
    in_start_order = order({each: services[each] for each in reached if each in services})
    return tuple(each for each in reversed(in_start_order) if each != key)


def cycle(key: Key, services: Services) -> tuple[Key, ...]:
    """The shortest way from `key` back to itself, `key` first and last; empty when there is none."""
    came_from: dict[Key, Key] = {}
    waiting = deque((key,))
    while waiting:
        here = waiting.popleft()
        for dependency in services[here].dependencies:
            if dependency == key:
                return _way(key, here, came_from)
            if dependency in services and dependency not in came_from:
                came_from[dependency] = here
                waiting.append(dependency)
    return ()


def cycles(services: Services) -> Mapping[Key, tuple[Key, ...]]:
    """For each service that is part of a cycle, the shortest one through it."""
    return {key: way for key in _in_question(services) if (way := cycle(key, services))}


def _in_question(services: Services) -> Iterable[Key]:
    """What is left when everything that can start has started: the cycles and what needs them."""
    needs = {key: {each for each in service.dependencies if each in services} for key, service in services.items()}
    direct = dependants(services)
    ready = deque(key for key, those in needs.items() if not those)
    while ready:
        started = ready.popleft()
        del needs[started]
        for who in direct.get(started, ()):
            needs[who].discard(started)
            if not needs[who]:
                ready.append(who)
    return sorted(needs)


def _way(key: Key, last: Key, came_from: Mapping[Key, Key]) -> tuple[Key, ...]:
    way = [key, last]
    while way[-1] != key:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))


def _dependencies_first(keys: Iterable[Key], services: Services) -> tuple[Key, ...]:
    """A depth-first walk without recursion, so that a long chain is no danger."""
    found: dict[Key, None] = {}
    entered: set[Key] = set()
    for start in keys:
        stack = [(start, False)]
        while stack:
            key, left = stack.pop()
            if left:
                found[key] = None
            elif key not in entered:
                entered.add(key)
                stack.append((key, True))
                stack.extend((each, False) for each in reversed(services[key].dependencies) if each in services)
    return tuple(found)
