"""The API server through one `kubectl proxy`: each start of kubectl costs more than what it asks, and that time is the pods'."""

import atexit
import functools
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from hack.cluster.kubectl import program

Object = dict[str, Any]


@functools.cache
def api(kubeconfig: Path) -> httpx.Client:
    """A client whose paths are those of the API server, as who the kubeconfig says; its proxy ends with this process.

    Raises httpx.HTTPError for what the API server refuses. One that is away is a 500 or 502 of the proxy.
    """
    socket = Path(tempfile.mkdtemp(prefix="wakedock-proxy-")) / "api.sock"
    command = [program(), f"--kubeconfig={kubeconfig}", "proxy", f"--unix-socket={socket}"]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, proxy, socket)
    if proxy.stdout is None or "Starting to serve" not in proxy.stdout.readline():
        message = f"{' '.join(command)} does not start"
        raise RuntimeError(message)
    return httpx.Client(
        base_url="http://localhost",
        transport=httpx.HTTPTransport(uds=str(socket)),
        timeout=None,
        event_hooks={"response": [_refused]},
    )


def watch(kubeconfig: Path, path: str, *, name: str = "", timeout: int) -> Iterator[Object]:
    """Every new state of the objects of a list, or of the one of that name, for so many seconds: the present ones first.

    An API server that is away, or does not know the kind yet, is asked again.
    """
    deadline = time.monotonic() + timeout
    while (left := round(deadline - time.monotonic())) > 0:
        query = {"watch": "true", "timeoutSeconds": str(left)}
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        try:
            with api(kubeconfig).stream("GET", path, params=query) as lines:
                for line in lines.iter_lines():
                    event = json.loads(line)
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        yield event["object"]
        except httpx.HTTPError:
            time.sleep(0.2)


def _refused(response: httpx.Response) -> None:
    if response.is_error:
        response.read()
        message = f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text.strip()}"
        raise httpx.HTTPStatusError(message, request=response.request, response=response)


def _end(proxy: subprocess.Popen[str], socket: Path) -> None:
    proxy.terminate()
    proxy.wait()
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()
