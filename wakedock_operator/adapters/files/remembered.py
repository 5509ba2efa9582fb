"""What outlives a restart: last good definitions and wishes, one file per service in the data directory."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from wakedock_operator.adapters.files.atomic import write_json
from wakedock_operator.ports.catalog import Wishes
from wakedock_operator.resource import Key, WakeService

T = TypeVar("T")

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A service as it was last accepted. `service` is None when this version of WakeDock can no longer read it."""

    uid: str
    generation: int
    order: int
    source: Path
    service: WakeService | None


class DefinitionStore:
    """`DIRECTORY/namespace.name.json`: the last good definition with what was given to the service at first sight."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def empty(self) -> bool:
        """True where nothing is remembered, as before the first start."""
        return next(self._directory.glob(f"*{_SUFFIX}"), None) is None

    def load(self) -> tuple[dict[Key, Remembered], dict[Path, str]]:
        """Everything that is remembered, and why some of it cannot be read."""
        return _load(self._directory, _remembered)

    def save(self, key: Key, remembered: Remembered) -> None:
        """Raises OSError."""
        service = remembered.service
        write_json(
            self.path(key),
            {
                "uid": remembered.uid,
                "generation": remembered.generation,
                "order": remembered.order,
                "source": str(remembered.source),
                "service": service.document() if service is not None else None,
            },
            durable=False,  # a thousand at once at the first start; a lost one costs a new uid
        )

    def remove(self, key: Key) -> None:
        """Raises OSError."""
        self.path(key).unlink(missing_ok=True)

    def path(self, key: Key) -> Path:
        """Where it is."""
        return self._directory / f"{key.file_name}{_SUFFIX}"


class WishStore:
    """`DIRECTORY/namespace.name.json`: wishes, with the uid of the service that they are about."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> tuple[dict[Key, tuple[str, Wishes]], dict[Path, str]]:
        """Everything that was asked for, and why some of it cannot be read."""
        return _load(self._directory, _wishes)

    def save(self, key: Key, uid: str, wishes: Wishes) -> None:
        """Raises OSError."""
        until = wishes.keep_awake_until
        write_json(
            self.path(key),
            {"uid": uid, "wake": wishes.wake, "sleep": wishes.sleep, "keepAwakeUntil": until.isoformat() if until else None},
            durable=True,
        )

    def remove(self, key: Key) -> None:
        """Raises OSError."""
        self.path(key).unlink(missing_ok=True)

    def path(self, key: Key) -> Path:
        """Where it is."""
        return self._directory / f"{key.file_name}{_SUFFIX}"


def _load(directory: Path, read: Callable[[dict[str, Any]], T]) -> tuple[dict[Key, T], dict[Path, str]]:
    found: dict[Key, T] = {}
    unreadable: dict[Path, str] = {}
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        if path.name.startswith("."):
            continue
        try:
            found[Key.from_file_name(path.name.removesuffix(_SUFFIX))] = read(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            unreadable[path] = f"{type(error).__name__}: {error}"
    return found, unreadable


def _remembered(value: dict[str, Any]) -> Remembered:
    try:
        service = WakeService.from_document(value["service"])
    except ValidationError:
        service = None
    return Remembered(str(value["uid"]), int(value["generation"]), int(value["order"]), Path(value["source"]), service)


def _wishes(value: dict[str, Any]) -> tuple[str, Wishes]:
    until = value["keepAwakeUntil"]
    return str(value["uid"]), Wishes(str(value["wake"]), str(value["sleep"]), datetime.fromisoformat(until) if until else None)
