"""From what the files say now and what was accepted before to what is served: pure.

A definition that is broken, or that does not fit beside the others, is replaced by the last good one of that service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakedock_operator.adapters.files.definitions import Definition
from wakedock_operator.adapters.files.remembered import Remembered
from wakedock_operator.adapters.files.sources import Found
from wakedock_operator.core.dependencies import cycles, missing
from wakedock_operator.ports.catalog import Problem
from wakedock_operator.resource import Key, Mistake, WakeService
from wakedock_operator.resource.errors import nearest


@dataclass(frozen=True, slots=True)
class Choice:
    """The definition of one service that is served, where it comes from, and why it is not the newest one."""

    service: WakeService
    source: Path
    problem: str | None = None
    definition: Definition | None = None
    """The document itself; None where an earlier definition stands in for it."""


@dataclass(slots=True)
class Settled:
    """What is served, what is not, and the mistakes that only show when the definitions stand beside each other."""

    choices: dict[Key, Choice] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    defined: set[Key] = field(default_factory=set)
    """Everything that is named, with or without mistakes."""
    mistakes: list[Mistake] = field(default_factory=list)

    def refuse(self, key: Key | None, *mistakes: Mistake) -> None:
        """Note why a definition is not used that has no earlier one."""
        self.problems += (Problem(mistake.file or "", str(mistake), key) for mistake in mistakes)


def settle(found: Found, definitions: Sequence[Definition], remembered: Mapping[Key, Remembered]) -> Settled:
    """Decide for each service which definition counts. `definitions` are in the order in which files count."""
    settled = Settled()
    for key, candidates in _by_key(definitions).items():
        settled.defined.add(key)
        owner = _owner(candidates, remembered.get(key))
        _choose(settled, key, owner, remembered.get(key))
        for other in candidates:
            if other is not owner:
                message = f"the service {key} is already defined in {owner.where}; take one of the two out"
                mistake = other.mistake(("metadata", "name"), message)
                settled.mistakes.append(mistake)
                settled.refuse(key, *other.mistakes, mistake)
    _keep_unknown(settled, found, definitions, remembered)
    _fit_dependencies(settled, remembered)
    return settled


def _by_key(definitions: Sequence[Definition]) -> dict[Key, list[Definition]]:
    found: dict[Key, list[Definition]] = {}
    for definition in definitions:
        if definition.key is not None:
            found.setdefault(definition.key, []).append(definition)
    return found


def _owner(candidates: Sequence[Definition], before: Remembered | None) -> Definition:
    """The file that had the service before; else the first that is good; else the first."""
    same = [each for each in candidates if before is not None and each.file == before.source]
    good = [each for each in same or candidates if each.service is not None]
    return (good or same or candidates)[0]


def _choose(settled: Settled, key: Key, owner: Definition, before: Remembered | None) -> None:
    if owner.service is not None:
        settled.choices[key] = Choice(owner.service, owner.file, definition=owner)
    elif before is not None and before.service is not None:
        settled.choices[key] = Choice(before.service, owner.file, _said(owner.mistakes))
    else:
        settled.refuse(key, *owner.mistakes)


def _keep_unknown(settled: Settled, found: Found, definitions: Sequence[Definition], remembered: Mapping[Key, Remembered]) -> None:
    """Services that may still be defined where nobody can look right now stay."""
    nameless: dict[Path, list[Mistake]] = {}
    for definition in definitions:
        if definition.key is None:
            nameless.setdefault(definition.file, []).extend(definition.mistakes)
    explained: set[Path] = set()
    named = {definition.key for definition in definitions}
    for key, before in remembered.items():
        if before.service is None or key in named:
            continue
        why = found.unknown(before.source)
        if why is not None:
            settled.choices[key] = Choice(before.service, before.source, f"{before.source} cannot be read: {why}")
        elif before.source in nameless:
            explained.add(before.source)
            settled.choices[key] = Choice(before.service, before.source, _said(nameless[before.source]))
        elif before.source in found.unsettled:
            settled.choices[key] = Choice(before.service, before.source)
    for file, theirs in nameless.items():
        if file not in explained:
            settled.refuse(None, *theirs)


def _fit_dependencies(settled: Settled, remembered: Mapping[Key, Remembered]) -> None:
    """Take back, one round after the other, what depends on itself or on nothing."""
    while refused := list(_unfit(settled)):
        for key, mistake in refused:
            choice, before = settled.choices[key], remembered.get(key)
            settled.mistakes.append(mistake)
            if before is None or before.service is None:
                settled.refuse(key, mistake)
                del settled.choices[key]
            else:
                settled.choices[key] = Choice(before.service, choice.source, choice.problem or str(mistake))


def _unfit(settled: Settled) -> Iterator[tuple[Key, Mistake]]:
    """Definitions that do not fit; those that stand in already are as good as it gets."""
    services = {key: choice.service for key, choice in settled.choices.items()}
    in_cycles = cycles(services)
    for key, choice in settled.choices.items():
        if choice.definition is None:
            continue
        if key in in_cycles:
            way = " → ".join(str(each) for each in in_cycles[key])
            yield key, choice.definition.mistake(("spec", "dependsOn"), f"the service depends on itself: {way}; take one of these out")
        elif absent := missing(key, services):
            yield key, _absent(choice.definition, absent, settled)


def _absent(definition: Definition, absent: Sequence[Key], settled: Settled) -> Mistake:
    first = absent[0]
    index = next(number for number, each in enumerate(definition.needs) if each == first)
    place = ("spec", "dependsOn", index)
    if first in settled.defined:
        return definition.mistake(place, f"the service {first} has mistakes of its own; mend them first")
    names = (each.name for each in settled.choices if each.namespace == first.namespace)
    return definition.mistake(place, f"there is no service {first}; define it, or take it out", suggestion=nearest(first.name, names))


def _said(mistakes: Sequence[Mistake]) -> str:
    return "; ".join(str(each) for each in mistakes)
