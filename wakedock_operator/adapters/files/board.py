"""The board of one machine: a record per service in the runtime directory, which outlives WakeDock and not the machine.

One process owns the directory (it is locked), so a record is read from disk once and written through. `rename(2)` makes each write atomic.
"""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from wakedock_operator.core.status import Status
from wakedock_operator.ports.fakes.board import FakeBoard
from wakedock_operator.ports.unreachable import Unreachable
from wakedock_operator.resource import Key

_SUFFIX = ".json"
_record: TypeAdapter[Status] = TypeAdapter(Status)


class RecordBoard(FakeBoard):
    """`Board` over `DIRECTORY/namespace.name.json`. A write that the file system refuses raises Unreachable and changes nothing."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.unreadable: dict[str, str] = {}
        """Records that could not be read, with the reason: such a service starts with a new one, as if it had none."""
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            namespace, _, name = path.name.removesuffix(_SUFFIX).partition(".")
            try:
                self._statuses[Key(namespace, name)] = _record.validate_json(path.read_bytes())
            except (ValidationError, ValueError) as error:
                self.unreadable[path.name] = str(error)

    def _keep(self, key: Key, status: Status) -> None:
        path = self._path(key)
        scratch = path.with_suffix(".new")
        content = json.dumps(_record.dump_python(status, mode="json"), indent=1).encode()
        try:
            self._directory.mkdir(exist_ok=True)  # somebody may have cleared the runtime directory
            scratch.write_bytes(content)
            scratch.replace(path)
        except OSError as error:
            raise Unreachable(f"the record {path} cannot be written: {error.strerror}") from error
        super()._keep(key, status)

    def _drop(self, key: Key) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unreachable(f"the record {path} cannot be removed: {error.strerror}") from error
        super()._drop(key)

    def _path(self, key: Key) -> Path:
        return self._directory / f"{key.file_name}{_SUFFIX}"
