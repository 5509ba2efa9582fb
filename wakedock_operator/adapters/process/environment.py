"""What an app finds in its environment, and the words of its command.

From WakeDock's own environment an app inherits PATH, the language and time-zone settings, TERM and TMPDIR, and nothing else: no
secret and no WAKEDOCK_* setting of WakeDock leaks. HOME, USER and LOGNAME are the user's. `envFrom` files come next, then `env` in
its order, each value seeing what stands before it, then PORT and the marker, which nothing overrides.
"""

import os
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
    values = {}
    try:
        with path.open(encoding="utf-8-sig") as file:
            for binding in parse_stream(file):
                if binding.error or (binding.key is not None and binding.value is None):
                    raise StartRefused(
                        FailureReason.MISCONFIGURED, f"{path}, line {binding.original.line}: write NAME=value; the app was not started"
                    )
                if binding.key is not None and binding.value is not None:
                    values[binding.key] = binding.value
    except PermissionError:
        raise StartRefused(FailureReason.NOT_PERMITTED, f"envFrom: {path} may not be read by WakeDock; change its permissions") from None
    except FileNotFoundError:
        raise StartRefused(FailureReason.MISCONFIGURED, f"envFrom: {path} does not exist; create it or take it out") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(FailureReason.MISCONFIGURED, f"envFrom: {path} cannot be read: {error}") from None
    return values
