"""Steering files: where Caddy sends a service's requests, and when the last one came.

Caddy reads a service's file at each request. Linux (relatime) moves a file's access time at the first read after both times were set to
the past, so an access time that differs from the modification time means a request. `armed` below is that state: both times equal, at the
last known activity.
"""

import contextlib
import os
from pathlib import Path

from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.resource import Key

_never_ns = 1_000_000_000
"""Both times of a file that nobody has read yet: a second after the epoch."""
_tick_ns = 10_000_000
"""Access times move in steps of a few milliseconds; a file armed at the very step of its last read would hide another read in it."""


class SteeringFiles:
    """The steering files of one gateway. Every call is a handful of system calls on a tmpfs."""

    def __init__(self, options: CaddyOptions) -> None:
        self._steer = options.steer
        self._ignored = options.ignored
        self._hold = f"unix/{options.nobody}"

    def prepare(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self._steer, self._ignored):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def complete(self, key: Key) -> None:
        """Send requests to the hold where there is no file yet; never changes one. May run beside the other calls. Raises OSError."""
        for folder in (self._steer, self._ignored):
            path = folder / key.file_name
            if not path.exists():
                _create(path, self._hold)

    def write(self, key: Key, address: str | None) -> None:
        """Send requests to `address`, or to the hold. A request that was not yet noticed stays noticeable. Raises OSError, ValueError."""
        target = self._hold if address is None else address
        if not target or any(character in target for character in "{}\n\0"):
            raise ValueError(f"{target!r} is not an address that Caddy can dial")
        try:
            self._write(key, target)
        except FileNotFoundError:
            # Somebody cleared the runtime directory.
            self.prepare()
            self._write(key, target)

    def read(self, key: Key) -> str | None:
        """Where requests go; None for the hold. Not activity."""
        try:
            content = _read_unseen(self._steer / key.file_name)
        except FileNotFoundError:
            return None
        return None if content == self._hold else content

    def touched(self, key: Key) -> bool:
        """Whether a request came since the file was armed last; arms it again."""
        path = self._steer / key.file_name
        try:
            state = path.stat()
            if state.st_atime_ns == state.st_mtime_ns:
                return False
            _arm(path, state.st_atime_ns)
        except FileNotFoundError:
            return False
        return True

    def last_touch(self, key: Key) -> float | None:
        """The last known activity, in seconds since the epoch; None where there was none."""
        try:
            nanoseconds = (self._steer / key.file_name).stat().st_atime_ns
        except FileNotFoundError:
            return None
        return None if nanoseconds == _never_ns else nanoseconds / 1e9

    def remove(self, key: Key) -> None:
        """Forget a service."""
        for folder in (self._steer, self._ignored):
            (folder / key.file_name).unlink(missing_ok=True)

    def _write(self, key: Key, target: str) -> None:
        self._replace_keeping_times(self._steer / key.file_name, target)
        _replace(self._ignored / key.file_name, target)

    def _replace_keeping_times(self, path: Path, target: str) -> None:
        try:
            old = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
        except FileNotFoundError:
            _replace(path, target, times=(_never_ns, _never_ns))
            return
        try:
            before = os.fstat(old)
            _replace(path, target, times=(before.st_atime_ns, before.st_mtime_ns))
            # A read between the look and the rename is on the old file.
            after = os.fstat(old)
            if after.st_atime_ns != before.st_atime_ns:
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path, ns=(after.st_atime_ns, before.st_mtime_ns))
        finally:
            os.close(old)


def _arm(path: Path, activity_ns: int) -> None:
    armed = activity_ns - _tick_ns
    os.utime(path, ns=(armed, armed))


def _create(path: Path, content: str) -> None:
    # A link, unlike a rename, never replaces a file that somebody wrote meanwhile.
    temporary = path.with_name(f".{path.name}.new")
    _replace(temporary, content, times=(_never_ns, _never_ns))
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _replace(path: Path, content: str, *, times: tuple[int, int] | None = None) -> None:
    temporary = path.with_name(f".{path.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content.encode())
        if times is not None:
            os.utime(descriptor, ns=times)
    finally:
        os.close(descriptor)
    temporary.rename(path)


def _read_unseen(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode()
    finally:
        os.close(descriptor)
