"""One file's WakeServices: the good ones, and the mistakes in the others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wakedock_operator.adapters.files.documents import Document, read_documents
from wakedock_operator.resource import API_VERSION, KIND, EnvFrom, Key, Mistake, WakeService, mistakes
from wakedock_operator.resource.errors import Place, Position, dotted, nearest, parted
from wakedock_operator.resource.identity import DEFAULT_NAMESPACE


@dataclass(frozen=True, slots=True)
class Definition:
    """One document of a file. `key` is None where even the name cannot be read, `service` where there are mistakes."""

    file: Path
    line: int
    key: Key | None
    service: WakeService | None
    mistakes: tuple[Mistake, ...] = ()
    document: Document | None = None

    @property
    def where(self) -> str:
        """The file and line, as editors and terminals understand it."""
        return f"{self.file}:{self.line}"

    @property
    def needs(self) -> tuple[Key, ...]:
        """The services it depends on, in the order of its `dependsOn`."""
        return self.service.dependencies if self.service is not None else ()

    def mistake(self, place: Place, message: str, *, suggestion: str | None = None) -> Mistake:
        """A mistake about this definition that only shows beside others."""
        line, column = self._position(place)
        return Mistake(dotted(place), message, suggestion, line, column, str(self.file))

    def _position(self, place: Place) -> Position:
        """Where a value stands, or what it is missing in."""
        found = (self.document.locate(place[:length]) for length in range(len(place), 0, -1)) if self.document is not None else ()
        return next((position for position in found if position is not None), (self.line, 1))


Refusals = Callable[[WakeService], Iterable[str]]
"""Says why the backend cannot run a service as it is defined, as `field: reason` for each field; nothing when it can."""


def read_definitions(file: Path, content: bytes, refusals: Refusals) -> tuple[Definition, ...]:
    """Every WakeService in a file, in the order in which they stand there. Never raises."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistake = Mistake("", "this is not UTF-8 text; save the file as UTF-8", line=line, column=1, file=str(file))
        return (Definition(file, line, None, None, (mistake,)),)
    documents = read_documents(text.replace("\r\n", "\n"), file=str(file))
    return tuple(_runnable(_definition(document, file), refusals) for document in documents)


def _runnable(definition: Definition, refusals: Refusals) -> Definition:
    """A definition that the backend cannot honour is as good as one with a mistake."""
    refused = [] if definition.service is None else [each.partition(": ") for each in refusals(definition.service)]
    if not refused:
        return definition
    found = tuple(definition.mistake(parted(field), reason) for field, _, reason in refused)
    return replace(definition, service=None, mistakes=(*definition.mistakes, *found))


def _definition(document: Document, file: Path) -> Definition:
    key = _key(document.value)
    found = list(_mistakes(document, file))
    if document.value is not None or not found:
        try:
            service = WakeService.from_document(document.value)  # type: ignore[arg-type]  # anything but a mapping is a mistake, said by the model
        except ValidationError as error:
            found += mistakes(error, locate=document.locate, file=str(file))
        else:
            if not found:
                return Definition(file, document.line, service.key, _settled(service, file.parent), document=document)
    return Definition(file, document.line, key, None, tuple(sorted(found, key=lambda each: (each.line or 0, each.column or 0))), document)


def _mistakes(document: Document, file: Path) -> Iterator[Mistake]:
    yield from document.mistakes
    if not isinstance(document.value, dict):
        return
    for name, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if name not in document.value:
            line, column = document.locate(()) or (document.line, 1)
            near = nearest(name, (each for each in document.value if isinstance(each, str)))
            hint = f"; {near!r} is probably meant to be it" if near else ""
            yield Mistake(name, f"this field is needed: write '{name}: {expected}'{hint}", line=line, column=column, file=str(file))


def _key(value: Any) -> Key | None:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict):
        return None
    name, namespace = metadata.get("name"), metadata.get("namespace", DEFAULT_NAMESPACE)
    try:
        return Key(namespace, name) if isinstance(name, str) and isinstance(namespace, str) else None
    except ValueError:
        return None


def _settled(service: WakeService, folder: Path) -> WakeService:
    """The service with absolute paths, so that it means the same wherever WakeDock runs."""
    app = service.spec.app
    if app is None:
        return service
    settled = app.model_copy(
        update={
            "env_from": tuple(each if each.file is None else EnvFrom(file=str(folder / each.file)) for each in app.env_from),
            "working_dir": str(folder / (app.working_dir or "")),
        }
    )
    return service.model_copy(update={"spec": service.spec.model_copy(update={"app": settled})})
