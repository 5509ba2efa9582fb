"""The files and folders that were named with `-f`: what is in them right now, and what cannot be read."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml"})
MAX_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Found:
    """The bytes of every file, in the order in which files count, and why others are unknown. All paths are absolute."""

    files: dict[Path, bytes] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)
    unsettled: set[Path] = field(default_factory=set)
    """Files that lost definitions a moment ago: somebody may be in the middle of writing them."""

    def unknown(self, file: Path) -> str | None:
        """Why nobody can say what is in `file` right now: it, or the folder it was found in, cannot be read."""
        return self.unreadable.get(file) or self.unreadable.get(file.parent)


def look(paths: Sequence[Path]) -> Found:
    """Read every file named and every YAML file directly in the folders named: in the order given, then by name."""
    found = Found()
    for path in absolute(paths):
        try:
            files = [(file, True) for file in _yaml_files(path)] if path.is_dir() else [(path, False)]
        except OSError as error:
            found.unreadable[path] = _why(error)
            continue
        for file, listed in files:
            _read(file, found, listed=listed)
    return found


def linked(files: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    """What tells the present target of each symbolic link among `files` from others and from itself after a change; no watch shows that."""
    found = {}
    for file in files:
        try:
            if file.is_symlink():
                target = file.stat()
                found[file] = target.st_ino, target.st_mtime_ns, target.st_size
        except OSError:
            found[file] = 0, 0, 0
    return found


def absolute(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths without `..` and doubles. Symbolic links stay, so that they may point elsewhere later."""
    return tuple(dict.fromkeys(Path(os.path.abspath(path.expanduser())) for path in paths))  # noqa: PTH100 - resolve() follows links


def exists(path: Path) -> bool:
    """False where nothing is; true also for what nobody may look at."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _yaml_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        if path.suffix in SUFFIXES and not path.name.startswith("."):
            yield path


def _read(file: Path, found: Found, *, listed: bool) -> None:
    if file in found.files:
        return
    try:
        if listed and not file.is_dir() and not stat.S_ISREG(file.stat().st_mode):
            found.unreadable[file] = "it is no regular file"  # a named pipe would have to be waited for
            return
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        return
    except FileNotFoundError as error:
        # Listed a moment ago and gone now: it was deleted. A file that was named itself and is not there is unknown.
        if not listed or file.is_symlink():
            found.unreadable[file] = _why(error)
        return
    except OSError as error:
        found.unreadable[file] = _why(error)
        return
    if not content.strip():
        # Somebody may be about to write it; a file that is not wanted any more is deleted.
        found.unreadable[file] = "it is empty; delete it to end what it defined"
        return
    if len(content) > MAX_BYTES:
        found.unreadable[file] = f"it is larger than {MAX_BYTES // 1024 // 1024} MiB"
        return
    found.files[file] = content


def _why(error: OSError) -> str:
    return error.strerror or str(error)
