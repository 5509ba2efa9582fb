"""Explaining what is wrong with definitions, without running anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from wakedock_operator.adapters.files.definitions import Definition, Refusals, read_definitions
from wakedock_operator.adapters.files.settling import settle
from wakedock_operator.adapters.files.sources import look
from wakedock_operator.core.routing import route_services
from wakedock_operator.resource import Key, Mistake, WakeService


def check(paths: Sequence[Path], refusals: Refusals) -> list[Mistake]:
    """Every mistake in the files and folders, in the order of files and lines. Empty: all of it would be served."""
    found = look(paths)
    definitions = [each for file, content in found.files.items() for each in read_definitions(file, content, refusals)]
    unreadable = [Mistake("", f"cannot be read: {why}", file=str(path)) for path, why in found.unreadable.items()]
    in_documents = [mistake for definition in definitions for mistake in definition.mistakes]
    beside_each_other = settle(found, definitions, {}).mistakes
    rank = {str(path): number for number, path in enumerate(found.files)}
    return unreadable + sorted(
        (*in_documents, *beside_each_other, *_shared_routes(definitions)),
        key=lambda mistake: (rank[mistake.file or ""], mistake.line or 0, mistake.column or 0),
    )


def _shared_routes(definitions: Sequence[Definition]) -> Iterator[Mistake]:
    first: dict[Key, tuple[Definition, WakeService]] = {}
    for definition in definitions:
        if definition.service is not None:
            first.setdefault(definition.service.key, (definition, definition.service))
    routing = route_services((number, service) for number, (_, service) in enumerate(first.values()))
    for key, claims in routing.lost.items():
        definition, service = first[key]
        for claim in claims:
            place = ("spec", "hosts", service.spec.hosts.index(claim.host))
            owner = first[claim.owner][0].where
            yield definition.mistake(place, f"{claim.host}{claim.path} already leads to {claim.owner} ({owner}); take one of the two out")
