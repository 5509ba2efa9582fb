"""What an app finds in its environment, and the words of its command.

From WakeDock's own environment an app inherits PATH, the language and time-zone settings, TERM and TMPDIR, and nothing else: no
secret and no WAKEDOCK_* setting of WakeDock leaks. HOME, USER and LOGNAME are the user's. `envFrom` files come next, then `env` in
its order, each value seeing what stands before it, then PORT and the marker, which nothing overrides.
"""

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from wakedock_operator.adapters.process.account import Account
from wakedock_operator.adapters.process.procfs import MARKER
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import App
from wakedock_operator.resource.references import PORT, PORT_OF, expand

RESERVED = frozenset({PORT, MARKER})
"""Names that `env` cannot set: WakeDock does."""

INHERITED = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "TZDIR", "TERM", "TMPDIR"})
MAX_FILE = 1024 * 1024
"""Bytes of an `envFrom` file; the kernel takes about twice as much for everything that a program is started with."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(
    app: App, *, account: Account, port: int, mark: str, dependency_ports: Mapping[str, int], own: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of a start. Reads the `envFrom` files; raises StartRefused for one that cannot be read."""
    values = {name: value for name, value in own.items() if name in INHERITED or name.startswith("LC_")}
    values.setdefault("PATH", DEFAULT_PATH)
    values |= {"HOME": account.home, "USER": account.name, "LOGNAME": account.name, PORT: str(port)}
    for source in app.env_from:
        if source.file is not None:
            values |= _from_file(Path(source.file))
    ports = {f"{PORT_OF}{name}": str(number) for name, number in dependency_ports.items()}
    values[PORT] = str(port)
    for variable in app.env:
        values[variable.name] = expand(variable.value, {**values, **ports})
    return {**values, PORT: str(port), MARKER: mark}


def words(command: tuple[str, ...], *, values: Mapping[str, str], dependency_ports: Mapping[str, int]) -> tuple[str, ...]:
    """The command with its `$(…)` put in."""
    ports = {f"{PORT_OF}{name}": str(number) for name, number in dependency_ports.items()}
    return tuple(expand(word, {**values, **ports}) for word in command)


def _from_file(path: Path) -> dict[str, str]:
    text = _text_of(path)
    if "\0" in text:
        raise _mistake(path, text.count("\n", 0, text.index("\0")) + 1, "a NUL character stands there; take it out")
    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise _mistake(path, binding.original.line, "write NAME=value")
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def _text_of(path: Path) -> str:
    try:
        # A named pipe or a device would have to be waited for, and may do something when it is opened.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "it is no regular file")
        with open(path, "rb", opener=_at_once) as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise _unreadable(path, f"it is larger than {MAX_FILE // 1024} KiB")
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except PermissionError:
        raise StartRefused(FailureReason.NOT_PERMITTED, f"envFrom: {path} may not be read by WakeDock; change its permissions") from None
    except FileNotFoundError:
        raise StartRefused(FailureReason.MISCONFIGURED, f"envFrom: {path} does not exist; create it or take it out") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _unreadable(path: Path, why: str) -> StartRefused:
    return StartRefused(FailureReason.MISCONFIGURED, f"envFrom: {path} cannot be read: {why}; the app was not started")


def _mistake(path: Path, line: int, what: str) -> StartRefused:
    return StartRefused(FailureReason.MISCONFIGURED, f"{path}, line {line}: {what}; the app was not started")
