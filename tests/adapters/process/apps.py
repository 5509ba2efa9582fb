"""Small real apps: each is the body of `spec` for a WakeService."""

import sys
from typing import Any

from wakedock_operator.resource import WakeService

PYTHON = [sys.executable, "-I", "-S", "-c"]

SERVE = """
import os, socket, sys
def serve(port, host='127.0.0.1', status='200 OK'):
    server = socket.create_server((host, port), family=socket.AF_INET6 if ':' in host else socket.AF_INET, backlog=64)
    print('listening', flush=True)
    while True:
        client, _ = server.accept()
        request = client.recv(65536)
        client.sendall(b'HTTP/1.1 ' + status.encode() + b'\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n')
        client.close()
"""


def service(name: str = "hello", *, code: str | None = None, command: list[str] | None = None, **spec: Any) -> WakeService:
    """A service whose app is a piece of Python (with `serve` at hand), or a command."""
    words = command if command is not None else [*PYTHON, SERVE + (code or "serve(int(sys.argv[1]))"), "$(PORT)"]
    app = {"command": words} | spec.pop("app", {})
    return WakeService.from_document(
        {
            "apiVersion": "wakedock.dev/v1alpha1",
            "kind": "WakeService",
            "metadata": {"name": name},
            "spec": {"hosts": [f"{name}.localhost"], "app": app} | spec,
        }
    )
