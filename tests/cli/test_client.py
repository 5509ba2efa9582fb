"""The client of the control socket when the other side does not behave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wakedock_operator.cli.client import Client, _UnixConnection
from wakedock_operator.errors import NotRunning, TimedOut, WakeDockError

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'event: synced\ndata: {"a": 1}\n\n'
PROBLEM = b'{"type": "https://wakedock.dev/problems/internal", "detail": "The log has the cause."}'


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def answering(path: Path, answer: bytes, *, stay: bool = False) -> AsyncIterator[Client]:
    """A server that answers every request with these bytes; then it closes, or says nothing more."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if stay:
            await done.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(serve, path):
        yield Client(path)
        done.set()


def collect(client: Client, *, within: float | None = None) -> list[object]:
    return list(client.watch(within=within))


async def test_what_a_terminal_would_obey_is_made_visible(runtime_dir: Path):
    """An app's last words before a crash are in answers, and clients may have chosen these."""
    said = '{"message": "exit\\u001b]0;owned\\u0007 \\u202etxt.exe\\n\\tnext: é", "log": ["\\u009b2J"]}'.encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said)
    async with answering(runtime_dir / "s", answer) as client:
        seen = await asyncio.to_thread(client.get, "/api/v1/services/default/hello")
    assert seen == {"message": "exit\ufffd]0;owned\ufffd \ufffdtxt.exe\n\tnext: é", "log": ["\ufffd2J"]}


async def test_a_stream_that_ends_means_that_wakedock_has_stopped(runtime_dir: Path):
    async with answering(runtime_dir / "s", SSE + chunk(EVENT) + b"0\r\n\r\n") as client:
        with pytest.raises(NotRunning, match="has stopped"):
            await asyncio.to_thread(collect, client)


async def test_a_stream_that_breaks_means_that_wakedock_has_stopped(runtime_dir: Path):
    async with answering(runtime_dir / "s", SSE + chunk(EVENT) + b"ff\r\nhalf") as client:
        with pytest.raises(NotRunning, match="has stopped"):
            await asyncio.to_thread(collect, client)
        with pytest.raises(NotRunning, match="has stopped"):
            await asyncio.to_thread(lambda: list(client.follow("/logs")))


async def test_a_silent_stream_ends_with_the_patience(runtime_dir: Path):
    async with answering(runtime_dir / "s", SSE + chunk(EVENT), stay=True) as client:
        with pytest.raises(TimedOut, match=r"not within 0.01 seconds"):
            await asyncio.to_thread(collect, client, within=0.01)


async def test_a_stream_without_even_pings_is_dead(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.cli.client._SILENCE", 0.01)
    async with answering(runtime_dir / "s", SSE, stay=True) as client:
        with pytest.raises(NotRunning, match="no longer answers"):
            await asyncio.to_thread(collect, client)


async def test_a_problem_of_another_kind_is_told_as_it_is(runtime_dir: Path):
    answer = b"HTTP/1.1 500 X\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s" % (len(PROBLEM), PROBLEM)
    async with answering(runtime_dir / "s", answer) as client:
        with pytest.raises(WakeDockError, match="The log has the cause") as raised:
            await asyncio.to_thread(client.get, "/health")
    assert raised.value.exit_code == 1


async def test_something_that_is_not_http_is_not_wakedock(runtime_dir: Path):
    async with answering(runtime_dir / "s", b"220 mail.example ESMTP\r\n") as client:
        with pytest.raises(NotRunning, match="does not answer"):
            await asyncio.to_thread(client.get, "/health")


def refuse(error: OSError) -> Callable[[object], None]:
    def connect(_: object) -> None:
        raise error

    return connect


@pytest.mark.parametrize(
    "error, said",
    [
        (PermissionError(13, "Permission denied"), "belongs to another user"),
        (ConnectionRefusedError(111, "Connection refused"), "does not run"),
        (TimeoutError(), "does not answer: TimeoutError"),
    ],
)
def test_a_socket_that_cannot_be_used_is_explained(error: OSError, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_UnixConnection, "connect", refuse(error))
    with pytest.raises(NotRunning, match=said):
        Client(Path("/run/x/control.sock")).get("/health")
