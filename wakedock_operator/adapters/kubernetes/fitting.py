"""Definitions beside each other: what depends on itself, or on nothing, is served without that, and says so.

The API server accepts each object by itself, in any order, so nobody is refused for what another one is or is not yet.
"""

from collections.abc import Mapping
from dataclasses import replace

from wakedock_operator.core.conditions import AcceptedReason
from wakedock_operator.core.dependencies import cycles, missing
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key


class Fitting:
    """Keeps what it made of an entry as long as neither that nor the reason changes: readers tell entries apart by identity."""

    def __init__(self) -> None:
        self._made: dict[Key, tuple[Entry, str, Entry]] = {}

    def fitted(self, entries: Mapping[Key, Entry]) -> Mapping[Key, Entry]:
        """The entries as they can be served."""
        if not any(entry.service.spec.depends_on for entry in entries.values()):
            self._made.clear()
            return entries
        services = {key: entry.service for key, entry in entries.items()}
        in_cycles = cycles(services)
        made: dict[Key, tuple[Entry, str, Entry]] = {}
        for key, entry in entries.items():
            why = ""
            if key in in_cycles:
                way = " → ".join(str(each) for each in in_cycles[key])
                why = f"spec.dependsOn: the service depends on itself: {way}; take one of these out. It is served without its dependencies"
            elif absent := missing(key, services):
                why = f"spec.dependsOn: there is no service {absent[0]}; create it, or take it out. It is served without it"
            if why:
                made[key] = self._kept(key, entry, why, without_all=key in in_cycles)
        self._made = made
        return {**entries, **{key: fitted for key, (_, _, fitted) in made.items()}}

    def _kept(self, key: Key, entry: Entry, why: str, *, without_all: bool) -> tuple[Entry, str, Entry]:
        before = self._made.get(key)
        if before is not None and before[0] is entry and before[1] == why:
            return before
        service = entry.service
        if without_all:
            service = service.model_copy(update={"spec": service.spec.model_copy(update={"depends_on": ()})})
        return entry, why, _told(replace(entry, service=service), why)


def _told(entry: Entry, why: str) -> Entry:
    """A mistake in its own definition comes first."""
    return entry if entry.problem is not None else replace(entry, problem=why, problem_reason=AcceptedReason.SERVED_IN_PART)
