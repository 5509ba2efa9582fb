"""`$(PORT)` in commands and environment, with the rules of Kubernetes.

`$(NAME)` stands for a value, `$$` for one `$` (so `$$(NAME)` stays `$(NAME)`), and a name that is not known is left as it stands.
"""

import re
from collections.abc import Iterator, Mapping

PORT = "PORT"
PORT_OF = "PORT:"

_token = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))", re.DOTALL)


def references(text: str) -> Iterator[str]:
    """The names in `$(…)`, escaped ones left out."""
    return (match["name"] for match in _token.finditer(text) if match["name"] is not None)


def dependency_references(text: str) -> Iterator[str]:
    """The names of dependencies whose port `text` asks for with `$(PORT:name)`."""
    return (name.removeprefix(PORT_OF) for name in references(text) if name.startswith(PORT_OF))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put in the values: keys are `PORT`, `PORT:db` or the name of an environment variable. Never expands what it has put in."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        return "$" if name is None else values.get(name, match[0])

    return _token.sub(value, text)
