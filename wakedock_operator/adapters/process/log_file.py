"""The output of one app: files that WakeDock opens and the app writes, so that the app does not notice when WakeDock ends.

The app holds the descriptor, so a full file is copied and truncated (the descriptor appends). A line that is written between copy
and truncation may be lost; nothing else is.
"""

import asyncio
import contextlib
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

MAX_SIZE = 10 * 1024 * 1024
KEPT = 3
TAIL = 64 * 1024
_MODE = 0o640
_CHUNK = 256 * 1024
_FOLLOW_INTERVAL = 0.2


class LogFile:
    """`NAME.log`, and the older `NAME.log.1` to `NAME.log.N`, each at most about `max_size` bytes."""

    def __init__(self, path: Path, *, max_size: int = MAX_SIZE, kept: int = KEPT) -> None:
        self.path = path
        self.problem: str | None = None
        """Why the output of the running instance is not kept; None when it is."""
        self._max_size = max_size
        self._kept = kept
        self._rotations = 0
        self._moving = threading.Lock()
        """Held while lines move from one file to another, so that no reader misses them or sees them twice."""

    def open(self, *, owner: int | None = None) -> int:
        """A descriptor for a process of the user `owner` (by default WakeDock's) to write to, and to open again as /dev/stdout.

        Falls back to /dev/null, and says why in `problem`.
        """
        try:
            descriptor = self._open(os.geteuid() if owner is None else owner)
        except OSError as error:
            self.problem = f"{self.path} cannot be opened: {error.strerror}; the app's output is not kept"
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self.problem = None
        return descriptor

    def _open(self, owner: int) -> int:
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        try:
            if os.fstat(descriptor).st_uid != owner:
                with contextlib.suppress(PermissionError):  # it can be written to all the same
                    os.fchown(descriptor, owner, -1)
            space = os.fstatvfs(descriptor)
            if space.f_blocks and not space.f_bavail:
                # Opening succeeds on a full disk, but many an app fails its requests when it cannot write its log line about them.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    @property
    def size(self) -> int:
        """Bytes in the present file; 0 when there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def full(self) -> bool:
        """It is time to `rotate`. One stat."""
        return self.size >= self._max_size

    def rotate(self) -> None:
        """Move the content to `.1`, and what was there further on. Blocks: call it in a thread. Raises OSError."""
        fresh = self.path.with_suffix(".log.new")
        with self._moving, self.path.open("r+b") as source, open(fresh, "wb", opener=_private) as target:
            os.fchmod(target.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
            while chunk := source.read(_CHUNK):
                target.write(chunk)
            target.flush()
            for number in range(self._kept, 1, -1):
                older = self._numbered(number - 1)
                if older.exists():
                    older.replace(self._numbered(number))
            fresh.replace(self._numbered(1))
            source.truncate(0)
            self._rotations += 1

    def tail(self, lines: int, *, since: int = 0, reach: int = TAIL) -> tuple[str, ...]:
        """The last lines of the present file after the offset `since`, oldest first, looking back over at most `reach` bytes."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(size - reach, since if since <= size else 0)
                file.seek(start)
                content = file.read(reach)
        except OSError:
            return ()
        found = _lines(content)
        if start > since and start > 0 and len(found) > 1:
            del found[0]
        return tuple(found[-lines:]) if lines > 0 else ()

    def last(self, lines: int) -> tuple[str, ...]:
        """The last lines over the present and the rotated files. Blocks: call it in a thread."""
        with self._moving:
            return self._with_older(self.tail(lines, reach=self._max_size), lines)

    async def follow(self, lines: int) -> AsyncIterator[str]:
        """The last lines, then each new one as it is completed, over rotations too. Looks five times a second while it is iterated."""
        first, position, rotation = await asyncio.to_thread(self._beginning, lines)
        for line in first:
            yield line
        rest = b""
        while True:
            before = rotation
            fresh, position, rotation = await asyncio.to_thread(self._continuation, position, rotation)
            *complete, rest = (rest + fresh).split(b"\n")
            for each in complete:
                yield _line(each)
            if not fresh and rotation == before:
                await asyncio.sleep(_FOLLOW_INTERVAL)

    def _beginning(self, lines: int) -> tuple[tuple[str, ...], int, int]:
        """The last complete lines, where they end, and in which file: the one after so many rotations."""
        with self._moving:
            start = max(0, self.size - TAIL)
            content = _read(self.path, start)
            complete = content[: content.rfind(b"\n") + 1]
            found = _lines(complete)[1 if start else 0 :]
            return self._with_older(tuple(found[-lines:]) if lines > 0 else (), lines), start + len(complete), self._rotations

    def _continuation(self, position: int, rotation: int) -> tuple[bytes, int, int]:
        """What comes after `position`; at the end of a rotated file, the beginning of the next one."""
        with self._moving:
            age = self._rotations - rotation
            fresh = _read(self._numbered(age) if age else self.path, position)
        return (b"", 0, rotation + 1) if age and not fresh else (fresh, position + len(fresh), rotation)

    def _with_older(self, found: tuple[str, ...], lines: int) -> tuple[str, ...]:
        for number in range(1, self._kept + 1):
            if len(found) >= lines:
                break
            older = LogFile(self._numbered(number), max_size=self._max_size)
            found = (*older.tail(lines - len(found), reach=2 * self._max_size), *found)
        return found

    def remove(self) -> None:
        """Delete the files. Raises OSError."""
        self.path.unlink(missing_ok=True)
        for number in range(1, self._kept + 1):
            self._numbered(number).unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self.path.with_suffix(f".log.{number}")


def _lines(content: bytes) -> list[str]:
    """What stands before each newline (with or without a carriage return), and what follows the last one. Nothing else ends a line."""
    lines = [_line(each) for each in content.split(b"\n")]
    return lines if lines[-1] else lines[:-1]


def _line(content: bytes) -> str:
    return content.removesuffix(b"\r").decode(errors="replace")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, _MODE)


def _read(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(_CHUNK)
    except OSError:
        return b""
