"""One request through the gateways."""

import urllib.request
from collections.abc import Mapping


def ask(
    address: str, host: str, *, data: bytes | None = None, path: str = "/", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body. Raises urllib.error.HTTPError for a status that is no success."""
    request = urllib.request.Request(f"http://{address}{path}", data=data, headers={"Host": host, **(headers or {})})
    with urllib.request.urlopen(request, timeout=90) as answer:
        return answer.status, answer.read()
