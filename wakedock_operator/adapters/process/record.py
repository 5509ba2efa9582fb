"""What WakeDock remembers of an instance on disk: enough for a later WakeDock to take it over, or to finish its stop.

One file per service in the runtime directory, renamed into place. It is written before the process is started (with the marker the
process will carry, so that a start that nobody finished is found again), when it runs, and before each signal.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from wakedock_operator.resource import Key

log = structlog.get_logger(__name__)


class State(StrEnum):
    """What is true of the process, or about to become true: the record comes first."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One instance. `mark` is the value of WAKEDOCK_INSTANCE in its environment, `definition` the fingerprint it was started from.

    `stop_signal` and `grace` follow the definition until the stop.
    """

    uid: str
    mark: str
    boot: str
    definition: str
    port: int
    address: str
    state: State
    started_at: float
    stop_signal: str
    grace: float
    pid: int = 0
    start_ticks: int = 0
    resumes: int = 0
    ready: bool = False
    log_offset: int = 0
    dependency_ports: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The instance: another one for each start and each resume."""
        return f"{self.pid}-{self.start_ticks}-{self.resumes}"


_format = TypeAdapter(InstanceRecord)


class RecordFolder:
    """The records of one runtime directory (a tmpfs: reading and writing take microseconds)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, key: Key, record: InstanceRecord) -> None:
        """Replace the record, atomically. Raises OSError; the old one is then still there."""
        place = self._place(key)
        fresh = place.with_name(f"{place.name}.new")
        self._folder.mkdir(mode=0o700, exist_ok=True)  # somebody may have cleared the runtime directory
        fresh.write_text(json.dumps(asdict(record)), encoding="utf-8")
        fresh.replace(place)

    def remove(self, key: Key) -> None:
        """Forget the instance."""
        self._place(key).unlink(missing_ok=True)

    def read_all(self) -> Iterator[tuple[Key, InstanceRecord]]:
        """Every record that can be read; what cannot is removed and logged (its processes are then strays)."""
        for place in sorted(self._folder.glob("*.json")):
            try:
                yield Key.from_file_name(place.stem), _format.validate_json(place.read_bytes())
            except (ValidationError, ValueError, OSError) as error:
                log.warning("instance record unreadable", path=str(place), error=str(error))
                place.unlink(missing_ok=True)

    def _place(self, key: Key) -> Path:
        return self._folder / f"{key.file_name}.json"
