"""Which hosts the WakeServices of each namespace may have."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from wakedock_operator.errors import ConfigurationMistake
from wakedock_operator.resource import Key
from wakedock_operator.resource.errors import mistakes
from wakedock_operator.resource.hosts import WILDCARD, Host

OTHERS = "*"
"""In place of a namespace: every one that is not named."""

_file = TypeAdapter(dict[str, tuple[Host, ...]])


class AllowedHosts:
    """What a file says, as `NAMESPACE: [HOST, …]`; without a file every namespace may have any host.

    A pattern such as `*.example.org` allows every host and pattern below it. Raises ConfigurationMistake.
    """

    def __init__(self, path: Path | None) -> None:
        self._allowed: Mapping[str, tuple[str, ...]] = {} if path is None else _read(path)

    def refusal(self, key: Key, hosts: tuple[str, ...]) -> str | None:
        """Why this service may not have these hosts; None when it may."""
        patterns = self._allowed.get(key.namespace, self._allowed.get(OTHERS))
        if patterns is None:
            return None
        for host in hosts:
            if not any(_covers(pattern, host) for pattern in patterns):
                return f"spec.hosts: {key.namespace} may not have {host!r}; it may have {', '.join(patterns) or 'none'}"
        return None


def _covers(pattern: str, host: str) -> bool:
    below = pattern.startswith(WILDCARD) and host.removeprefix("*").endswith(pattern.removeprefix("*"))
    return below or host == pattern


def _read(path: Path) -> Mapping[str, tuple[str, ...]]:
    try:
        return _file.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        raise ConfigurationMistake("\n".join(f"{path}: {each}" for each in mistakes(error))) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationMistake(f"{path}: must say `NAMESPACE: [HOST, …]`: {' '.join(str(error).split())}") from None
