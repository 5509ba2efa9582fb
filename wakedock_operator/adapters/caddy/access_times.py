"""Whether a directory's filesystem notices reads."""

import os
import tempfile
from pathlib import Path

from wakedock_operator.adapters.caddy.errors import AccessTimesUnkept

_past_ns = 1_000_000_000


def check_access_times(directory: Path) -> None:
    """Read a file there and see its access time move. Raises AccessTimesUnkept where it does not, OSError where no file can be made."""
    descriptor, name = tempfile.mkstemp(dir=directory, prefix=".access-times-")
    try:
        os.write(descriptor, b"read me")
        os.close(descriptor)
        # Twice: the first read after a file was made may move the time on filesystems where later ones do not.
        for _ in range(2):
            os.utime(name, ns=(_past_ns, _past_ns))
            _read(name)
            if Path(name).stat().st_atime_ns == _past_ns:
                raise AccessTimesUnkept(
                    f"the filesystem of {directory} does not keep access times, so requests cannot be noticed: "
                    "choose a directory on a tmpfs with --runtime (such as one below /run or /dev/shm), or mount it without 'noatime'"
                )
    finally:
        Path(name).unlink(missing_ok=True)


def _read(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.read(descriptor, 1)
    finally:
        os.close(descriptor)
