"""The two directories of a running WakeDock: data outlives the machine's reboot, runtime outlives WakeDock only."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from wakedock_operator.cli.addresses import LONGEST_SOCKET_PATH
from wakedock_operator.errors import AnotherInstance, DirectoryUnusable, NotRunning
from wakedock_operator.resource.literals import literal

_ROOM_FOR_SOCKETS = 20
"""Bytes of the longest name of a socket in the runtime directory, and some to spare."""

_POINTER = "runtime"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Directories:
    """Where things are."""

    data: Path
    runtime: Path

    @property
    def control_socket(self) -> Path:
        """The control API."""
        return self.runtime / "control.sock"

    @property
    def journal(self) -> Path:
        """The history."""
        return self.data / "journal.sqlite"


def default_data(environ: Mapping[str, str]) -> Path:
    """Where data is when nothing else is said."""
    if os.geteuid() == 0:
        return Path("/var/lib/wakedock")
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "wakedock"


def default_runtime(environ: Mapping[str, str]) -> Path:
    """Below which directory the runtime directories are when nothing else is said."""
    if os.geteuid() == 0:
        return Path("/run/wakedock")
    given = environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "wakedock" if given else Path(f"/dev/shm/wakedock-{os.geteuid()}")  # noqa: S108 - owner and mode are checked


def resolve(data: Path | None, runtime: Path | None, environ: Mapping[str, str]) -> Directories:
    """The two directories for these options; nothing is created. Raises DirectoryUnusable for a path that cannot work."""
    data = (data or default_data(environ)).expanduser().resolve()
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    runtime = (runtime or default_runtime(environ)).expanduser().resolve() / name
    for path in (data, runtime):
        try:
            literal(str(path))
        except ValueError as error:
            raise DirectoryUnusable(f"{error}; choose another directory") from None
    longest = len(os.fsencode(runtime)) + 1 + _ROOM_FOR_SOCKETS
    if longest > LONGEST_SOCKET_PATH:
        raise DirectoryUnusable(
            f"the runtime directory {runtime} has too long a path: sockets in it would have up to {longest} bytes, "
            f"and Linux allows {LONGEST_SOCKET_PATH}; choose a shorter one with --runtime"
        )
    return Directories(data, runtime)


@contextmanager
def opened(directories: Directories) -> Iterator[Directories]:
    """Create, check and lock both; they stay locked until the end, or until this process is gone.

    Raises DirectoryUnusable and AnotherInstance.
    """
    with ExitStack() as locks:
        for path, what, option in ((directories.data, "data", "--data"), (directories.runtime, "runtime", "--runtime")):
            try:
                _own(path, what)
                locks.enter_context(_locked(path, what, option))
            except OSError as error:
                raise DirectoryUnusable(
                    f"the {what} directory {path} cannot be used: {error.strerror}; choose another with {option}"
                ) from None
        _check_former(directories)
        try:
            _point(directories)
        except OSError as error:
            raise DirectoryUnusable(f"nothing can be written into the data directory {directories.data}: {error.strerror}") from None
        yield directories


def find(data: Path | None, environ: Mapping[str, str]) -> Directories:
    """The directories of the instance that runs (or last ran) on `data`. Raises NotRunning."""
    path = (data or default_data(environ)).expanduser().resolve()
    try:
        return Directories(path, Path((path / _POINTER).read_text(encoding="utf-8").rstrip("\n")))
    except FileNotFoundError:
        raise NotRunning(
            f"no WakeDock has run on the data directory {path}; name the right one with --data or WAKEDOCK_DATA, "
            "or a cluster with --context, --namespace or --all-namespaces"
        ) from None
    except OSError as error:
        raise NotRunning(f"the data directory {path} cannot be read: {error.strerror}") from None


def _own(path: Path, what: str) -> None:
    """Make `path` a directory of ours that nobody else can look into."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    above = path.parent.stat()
    if above.st_uid not in {0, os.geteuid()} or (above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX):
        raise DirectoryUnusable(
            f"the {what} directory cannot be in {path.parent}: others own it or may write there, and could put another in its place"
        )
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise DirectoryUnusable(f"the {what} directory {path} is not a directory; choose another")
    if found.st_uid != os.geteuid():
        raise DirectoryUnusable(
            f"the {what} directory {path} belongs to user {found.st_uid}, and WakeDock runs as user {os.geteuid()}; choose another"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise DirectoryUnusable(
            f"the {what} directory {path} is open to other users (mode {stat.S_IMODE(found.st_mode):04o}); close it with: chmod 700 {path}"
        )


@contextmanager
def _locked(path: Path, what: str, option: str) -> Iterator[None]:
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise AnotherInstance(
                f"another WakeDock (process {owner}) uses the {what} directory {path}; stop it, or choose another with {option}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _check_former(directories: Directories) -> None:
    """Raises AnotherInstance where an earlier start with another runtime directory has left something running."""
    # Commands that only look for a running instance need none of it.
    from wakedock_operator.cli.left_running import left_running

    try:
        former = Directories(directories.data, Path((directories.data / _POINTER).read_text(encoding="utf-8").rstrip("\n")))
        running = left_running(former) if former != directories else ""
    except (OSError, ValueError):
        return
    if running:
        same = former.runtime.name == directories.runtime.name
        take_over = f"take it over with --runtime {former.runtime.parent}, or " if same else ""
        raise AnotherInstance(
            f"an earlier start with the runtime directory {former.runtime} left running: {running}; {take_over}end what runs there first"
        )


def _point(directories: Directories) -> None:
    """Write into the data directory where the runtime directory is, so that `--data` alone finds a running instance."""
    text = f"{directories.runtime}\n"
    pointer = directories.data / _POINTER
    if pointer.exists() and pointer.read_text(encoding="utf-8") == text:
        return
    new = pointer.with_name(f".{_POINTER}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(pointer)
