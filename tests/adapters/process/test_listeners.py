"""Who listens: asked of the kernel, and of /proc where it does not tell."""

import asyncio
import os
import socket
from ipaddress import ip_address

import pytest

from tests.adapters.process.apps import service
from tests.adapters.process.bench import Bench
from wakedock_operator.adapters.process import listeners
from wakedock_operator.adapters.process.arrival import Arrivals
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


def refuse(_: socket.AddressFamily):
    raise OSError("not here")


def serve(host: str, **options) -> socket.socket:
    return socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, **options)


@pytest.mark.parametrize("told", [True, False], ids=["by the kernel", "by /proc"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "127.0.0.2", "::1", "::"])
def test_a_listening_socket_is_listed_with_its_address_and_inode(monkeypatch: pytest.MonkeyPatch, told, host):
    if not told:
        monkeypatch.setattr(listeners, "listening", refuse)
    with serve(host) as server, socket.create_connection((host.replace("0.0.0.0", "127.0.0.1"), server.getsockname()[1])):
        port, inode = server.getsockname()[1], os.fstat(server.fileno()).st_ino
        assert [each for each in listeners.listeners() if each.port == port] == [listeners.Listener(ip_address(host), port, inode)]


def test_an_ipv4_address_in_ipv6_clothes_is_shown_as_what_it_is():
    with socket.socket(socket.AF_INET6) as server:
        server.bind(("::ffff:127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert [each.address for each in listeners.listeners() if each.port == port] == [ip_address("127.0.0.1")]


def test_more_listeners_than_fit_into_one_answer_of_the_kernel():
    servers = [serve("127.0.0.1") for _ in range(400)]
    try:
        assert {server.getsockname()[1] for server in servers} <= {each.port for each in listeners.listeners()}
    finally:
        for server in servers:
            server.close()


async def test_who_waits_for_a_listener_is_told_as_soon_as_there_is_one():
    arrivals = Arrivals()
    with socket.socket() as early, socket.socket() as late:
        waiting = []
        for server in (early, late):
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]
            waiting.append(asyncio.ensure_future(arrivals.wait(port, within=60, wanted=lambda: True)))
        early.listen()
        assert await waiting[0]
        assert not waiting[1].done()
        late.listen()
        assert await waiting[1]


async def test_nobody_waits_longer_than_wanted():
    arrivals = Arrivals()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not await arrivals.wait(port, within=60, wanted=lambda: False)
        assert not await arrivals.wait(port, within=0.01, wanted=lambda: True)
    assert repr(arrivals) == "<arrivals: 0 waited for>"


async def test_a_probe_of_an_app_that_does_not_listen_yet_has_waited_for_it(bench: Bench):
    instance = await bench.start(service(code="import time; time.sleep(600)"))
    assert (await bench.workloads.probe(HELLO, instance.id)).waited


async def test_a_probe_ends_with_the_app(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.adapters.process.workloads.PATIENCE", 60)
    instance = await bench.start(service(code="import time; time.sleep(600)"))
    probe = asyncio.ensure_future(bench.workloads.probe(HELLO, instance.id))
    await asyncio.sleep(0)
    await bench.stop_and_wait(HELLO)
    assert (await probe).detail == "the instance is gone"
