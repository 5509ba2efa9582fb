"""The control API of the running instance, over its unix socket."""

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wakedock_operator.cli.printable import all_printable
from wakedock_operator.errors import NotRunning, NotUnderstood, Refused, TimedOut, UnknownService, WakeDockError
from wakedock_operator.resource import Key

_ANSWER_WITHIN = 30.0
_SILENCE = 60.0
"""A stream is silent for 15 s at most (pings); after this long, nobody is there."""

_ERRORS: dict[str, type[WakeDockError]] = {
    "malformed-request": NotUnderstood,
    "unknown-service": UnknownService,
    "suspended": Refused,
    "pinned": Refused,
}


def short_name(service: Mapping[str, str]) -> str:
    """`name` in the namespace `default`, else `namespace/name`."""
    return service["name"] if service["namespace"] == "default" else f"{service['namespace']}/{service['name']}"


def _read(text: str | bytes) -> Any:
    """What apps and clients said is in it, too."""
    return all_printable(json.loads(text))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_WITHIN)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Client:
    """Every method raises NotRunning when nobody answers, NotUnderstood, UnknownService and Refused as the API says."""

    def __init__(self, control_socket: Path, *, namespace: str = "default", advice: str = "") -> None:
        """`namespace` is where a name without one is; `advice` what to look at when a wish is not met, empty where there is nothing."""
        self._path = control_socket
        self._namespace = namespace
        self.advice = advice

    def __repr__(self) -> str:
        return f"<Client of {self._path}>"

    def key(self, name: str) -> Key:
        """`name` or `namespace/name`. Raises UnknownService for what cannot be a name."""
        try:
            return Key.parse(name if "/" in name else f"{self._namespace}/{name}")
        except ValueError as error:
            raise UnknownService(str(error)) from None

    def service(self, name: str, *more: str) -> str:
        """The API's path of a service, or of something below it. Raises UnknownService for what cannot be a name."""
        key = self.key(name)
        return "/".join(("/api/v1/services", key.namespace, key.name, *more))

    def get(self, path: str) -> Any:
        """A JSON answer."""
        return _read(self._text("GET", path))

    def get_text(self, path: str) -> str:
        """A text answer."""
        return self._text("GET", path).decode("utf-8", "replace")

    def post(self, path: str, body: Any = None) -> Any:
        """Ask for something."""
        return _read(self._text("POST", path, body))

    def delete(self, path: str) -> Any:
        """Take something back."""
        return _read(self._text("DELETE", path))

    def follow(self, path: str) -> Iterator[str]:
        """The lines of an answer that goes on, without their ends."""
        connection, response = self._send("GET", path, None)
        try:
            # An app may be silent for as long as it likes.
            connection.sock.settimeout(None)
            for line in response:
                yield line.decode("utf-8", "replace").rstrip("\n")
        except (OSError, http.client.HTTPException):
            raise NotRunning("WakeDock has stopped") from None
        finally:
            connection.close()

    def watch(self, key: str | None = None, *, within: float | None = None) -> Iterator[tuple[str, Any]]:
        """Changes, as `(event, data)`. Raises TimedOut when `within` seconds have passed."""
        connection, response = self._send("GET", "/api/v1/watch" + (f"?service={key}" if key else ""), None)
        deadline = None if within is None else time.monotonic() + within
        event = ""
        try:
            while True:
                left = _SILENCE if deadline is None else min(_SILENCE, deadline - time.monotonic())
                if left <= 0:
                    raise TimedOut(f"not within {within:g} seconds")
                connection.sock.settimeout(left)
                line = response.readline().decode().rstrip("\r\n")
                if response.isclosed():
                    raise NotRunning("WakeDock has stopped")
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield event, _read(line.removeprefix("data: "))
        except TimeoutError:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimedOut(f"not within {within:g} seconds") from None
            raise NotRunning(f"WakeDock at {self._path} no longer answers") from None
        except (OSError, http.client.HTTPException):
            raise NotRunning("WakeDock has stopped") from None
        finally:
            connection.close()

    def _text(self, method: str, path: str, body: Any = None) -> bytes:
        connection, response = self._send(method, path, body)
        try:
            return response.read()
        finally:
            connection.close()

    def _send(self, method: str, path: str, body: Any) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status >= 400 and response.headers.get_content_type() == "application/problem+json":
                problem = _read(response.read())
                raise _ERRORS.get(problem["type"].rpartition("/")[2], WakeDockError)(problem["detail"])
        except WakeDockError:
            connection.close()
            raise
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            raise NotRunning("WakeDock does not run on this data directory; start it with: wakedock run") from None
        except PermissionError:
            connection.close()
            raise NotRunning(f"{self._path} belongs to another user; run this as the user that runs WakeDock") from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise NotRunning(f"WakeDock at {self._path} does not answer: {str(error) or type(error).__name__}") from None
        return connection, response
