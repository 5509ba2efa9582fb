"""Which services need which: pure questions about `spec.dependsOn`.

Dependencies are named inside one namespace. A name that nobody has is left out of every answer but `missing`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from wakedock_operator.resource import Key, WakeService

Services = Mapping[Key, WakeService]


def missing(key: Key, services: Services) -> tuple[Key, ...]:
    """The direct dependencies of `key` that do not exist."""
    return tuple(dependency for dependency in services[key].dependencies if dependency not in services)


def dependants(services: Services) -> Mapping[Key, tuple[Key, ...]]:
    """For each service that is needed, who needs it directly."""
    found: dict[Key, list[Key]] = {}
    for key in sorted(services):
        for dependency in services[key].dependencies:
            if dependency in services:
                found.setdefault(dependency, []).append(key)
    return {key: tuple(who) for key, who in found.items()}


def reached(key: Key, following: Callable[[Key], Iterable[Key]]) -> Iterator[Key]:
    """Every other key on the ways from `key`, nearest first."""
    found, waiting = {key}, deque((key,))
    while waiting:
        for each in following(waiting.popleft()):
            if each not in found:
                found.add(each)
                waiting.append(each)
                yield each


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
