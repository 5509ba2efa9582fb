"""One request through the gateways."""

import urllib.request


def ask(address: str, host: str, *, data: bytes | None = None, path: str = "/") -> tuple[int, bytes]:
    """Status and body. Raises urllib.error.HTTPError for a status that is no success."""
    request = urllib.request.Request(f"http://{address}{path}", data=data, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=90) as answer:
        return answer.status, answer.read()
