"""The control API: what WakeDock does, seen and steered over HTTP."""

from wakedock_operator.api.gate import Gate
from wakedock_operator.api.ports import Health, Ports
from wakedock_operator.api.server import build_api, serve_address, serve_socket

__all__ = ["Gate", "Health", "Ports", "build_api", "serve_address", "serve_socket"]
