"""A Caddy that crashes, one that outlives WakeDock, one that cannot start."""

import asyncio
import errno
import os
import resource
import signal
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.adapters.caddy.gateway import App, Gateway, route
from wakedock_operator.adapters.caddy import listeners
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.errors import CaddyError, ListenerTaken, SocketPathTooLong
from wakedock_operator.adapters.caddy.hold import TRY_INTERVAL
from wakedock_operator.adapters.caddy.listeners import check_listeners
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy
WEB = Key("default", "web")


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_crashed_caddy_is_started_again_with_the_same_configuration(gateway, client, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    for crash in (1, 2):
        os.kill(gateway.edge.pid, signal.SIGKILL)
        await until(lambda count=crash: gateway.edge.restarts == count)
        async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
            assert answer.status == 200
    loads = gateway.edge.loads
    await gateway.routed(route("web", "a.test"))
    assert gateway.edge.loads == loads


async def test_a_caddy_that_cannot_be_started_again_is_tried_again(gateway, client, app, port):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    configuration = gateway.options.configuration
    content = configuration.read_bytes()
    configuration.write_text('{"apps": {"nonsense": {}}}')
    log = gateway.options.log
    os.kill(gateway.edge.pid, signal.SIGKILL)
    await until(lambda: b"unknown module: nonsense" in log.read_bytes())
    assert gateway.edge.pid is None
    configuration.write_bytes(content)
    await until(lambda: gateway.edge.restarts == 1)
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200


async def test_the_next_wakedock_adopts_caddy_without_a_load_and_connections_stay(gateway, client, app):
    await gateway.routed(route("web", "a.test"), route("bad", "{env.HOME}.test"))
    gateway.edge.steer(WEB, app.address)
    pid = gateway.edge.pid
    async with client.ws_connect(gateway.url, headers={"Host": "a.test"}) as connection:
        await connection.send_str("before")
        assert await connection.receive_str() == "before"
        await gateway.edge.release()
        gateway.edge = CaddyEdge(gateway.options)
        assert await gateway.edge.start() is True
        assert gateway.edge.pid == pid
        await gateway.routed(route("web", "a.test"))
        assert gateway.edge.loads == 0
        assert (await gateway.edge.in_flight()).of(WEB) == 1
        assert gateway.edge.steering(WEB) == app.address
        await connection.send_str("after")
        assert await connection.receive_str() == "after"
    os.kill(pid, signal.SIGKILL)
    await until(lambda: gateway.edge.restarts == 1)


@pytest.mark.parametrize("reuse", [False, True])
async def test_an_adopted_caddy_shares_no_new_address_with_a_stranger(gateway, client, app, reuse):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    await gateway.edge.release()
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenerTaken, match=rf"somebody already listens on {address}: .*--listen"):
            await CaddyEdge(replace(gateway.options, listen=(*gateway.options.listen, address))).start()
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200, "what is there serves on"


async def test_an_adopted_caddy_gets_no_address_of_another_machine(gateway):
    await gateway.routed(route("web", "a.test"))
    await gateway.edge.release()
    with pytest.raises(ListenerTaken, match="no address of this machine"):
        await CaddyEdge(replace(gateway.options, listen=("192.0.2.1:8080",))).start()


@pytest.mark.parametrize("seen", [True, False], ids=["", "with capabilities"])
async def test_an_adopted_caddy_is_not_in_its_own_way(gateway, client, app, seen, monkeypatch):
    if not seen:
        monkeypatch.setattr(listeners, "sockets", lambda _: frozenset())
    port, path = gateway.port, gateway.options.runtime.parent / "front.sock"
    gateway.options = replace(gateway.options, listen=(f"127.0.0.1:{port}", f"unix/{path}"))
    for listen in ((f"127.0.0.1:{port}", f"unix/{path}"), (f":{port}", f"unix/{path}|0600")):
        await gateway.edge.release()
        gateway.options = replace(gateway.options, listen=listen)
        gateway.edge = CaddyEdge(gateway.options)
        assert await gateway.edge.start() is True
        await gateway.routed(route("web", "a.test"))
        gateway.edge.steer(WEB, app.address)
    async with client.get(f"http://[::1]:{port}", headers={"Host": "a.test"}) as answer:
        assert answer.status == 200
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as local:
        assert (await local.get("http://a.test")).status == 200
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_stranger_in_the_way_of_an_adopted_caddy_is_seen_beside_it(gateway, port):
    await gateway.routed(route("web", "a.test"))
    await gateway.edge.release()
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
        taken.bind(("127.0.0.2", port))
        taken.listen()
        with pytest.raises(ListenerTaken, match=f"somebody already listens on :{port}"):
            await CaddyEdge(replace(gateway.options, listen=(f":{port}",))).start()


async def test_a_configuration_that_was_loaded_but_not_kept_is_kept_by_the_next_apply(gateway, client, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    await gateway.edge.release()
    gateway.options.configuration.unlink()
    gateway.edge = CaddyEdge(gateway.options)
    await gateway.edge.start()
    await gateway.routed(route("web", "a.test"))
    assert gateway.edge.loads == 0
    os.kill(gateway.edge.pid, signal.SIGKILL)
    await until(lambda: gateway.edge.restarts == 1)
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200


async def test_an_adopted_caddy_without_a_pid_file_is_found_by_its_socket(gateway):
    pid = gateway.edge.pid
    await gateway.edge.release()
    gateway.options.pid_file.unlink()
    gateway.edge = CaddyEdge(gateway.options)
    assert await gateway.edge.start() is True
    assert gateway.edge.pid == pid


async def test_a_pid_file_of_somebody_elses_process_is_not_believed(options):
    options.runtime.mkdir(parents=True)
    options.pid_file.write_text(f'{{"pid": {os.getpid()}, "started": 1}}')
    edge = CaddyEdge(options)
    assert await edge.start() is False
    assert edge.pid != os.getpid()
    await edge.stop()


async def test_a_websocket_outlives_an_apply(gateway, client, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    async with client.ws_connect(gateway.url, headers={"Host": "a.test"}) as connection:
        await gateway.routed(route("web", "a.test"), route("other", "b.test"))
        assert gateway.edge.loads == 2
        await connection.send_str("after")
        assert await connection.receive_str() == "after"
        assert (await gateway.edge.in_flight()).of(WEB) == 1


async def test_a_long_request_outlives_an_apply_by_more_than_the_grace_period(gateway, client, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    app.gate.clear()
    request = asyncio.create_task(client.get(gateway.url, headers={"Host": "a.test"}))
    await app.entered.wait()
    await gateway.routed(route("web", "a.test"), route("other", "b.test"))
    assert '"grace_period"' not in gateway.options.configuration.read_text()
    app.gate.set()
    async with await request as answer:
        assert answer.status == 200


async def test_a_stop_waits_for_what_is_in_flight_and_leaves_no_process(gateway, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    pid = gateway.edge.pid
    app.gate.clear()
    async with aiohttp.ClientSession() as client:
        request = asyncio.create_task(client.get(gateway.url, headers={"Host": "a.test"}))
        await app.entered.wait()
        stop = asyncio.create_task(gateway.edge.stop())
        await until(lambda: not listening(gateway.port))
        assert not stop.done()
        app.gate.set()
        async with await request as answer:
            assert answer.status == 200
        await stop
    assert not Path(f"/proc/{pid}").exists()
    assert (await gateway.edge.in_flight()).counts == {}


@pytest.mark.caddy_options(grace_period=0.2)
async def test_a_stop_ends_a_frozen_caddy_after_the_grace_period(gateway):
    pid = gateway.edge.pid
    os.kill(pid, signal.SIGSTOP)
    await gateway.edge.stop()
    assert not Path(f"/proc/{pid}").exists()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("reuse", [False, True])
async def test_a_taken_port_ends_the_start_with_a_sentence(options, port, reuse):
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(ListenerTaken, match=rf"somebody already listens on 127\.0\.0\.1:{port}: .*--listen"):
            await CaddyEdge(options).start()
    assert not options.pid_file.exists()


@pytest.mark.caddy_options(listen=("192.0.2.1:8080",))
async def test_an_address_of_another_machine_ends_the_start_with_a_sentence(options):
    with pytest.raises(ListenerTaken, match="no address of this machine"):
        await CaddyEdge(options).start()


@pytest.mark.caddy_options(listen=("no-such-host.invalid:8080",))
async def test_so_does_a_host_that_nobody_knows(options):
    with pytest.raises(ListenerTaken, match=r"the host of no-such-host\.invalid:8080 is not known"):
        await CaddyEdge(options).start()


async def test_a_port_that_this_user_may_not_use_is_named_unless_caddy_may(tmp_path, monkeypatch):
    def denied(probe: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", denied)
    caddy = tmp_path / "caddy"
    caddy.touch()
    with pytest.raises(ListenerTaken, match=r"may not listen on 127\.0\.0\.1:80: .* setcap .*/caddy"):
        check_listeners(["127.0.0.1:80"], caddy=caddy)
    # cap_net_bind_service, permitted and effective, as setcap writes it
    os.setxattr(caddy, "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    check_listeners(["127.0.0.1:80"], caddy=caddy)


async def test_a_taken_unix_socket_ends_the_start_with_a_sentence(options, directory):
    path = directory / "front.sock"
    with closing(socket.socket(socket.AF_UNIX)) as taken:
        taken.bind(str(path))
        taken.listen()
        with pytest.raises(ListenerTaken, match="somebody already listens"):
            await CaddyEdge(CaddyOptions(options.runtime, options.data, listen=(f"unix/{path}",))).start()


def file(path: Path) -> None:
    path.write_text("kept")


def link_to_a_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(f"{path}.real")
    path.symlink_to(f"{path}.real")


@pytest.mark.parametrize("put", [file, Path.mkdir, link_to_a_socket])
async def test_what_is_no_socket_is_not_replaced_by_one(directory, put):
    path = directory / "front.sock"
    put(path)
    before = path.lstat()
    with pytest.raises(ListenerTaken, match=rf"at {path} there is something that is no socket: .*--listen"):
        check_listeners([f"unix/{path}|0666"], caddy=directory)
    assert path.lstat() == before


async def test_the_folder_of_a_unix_socket_must_be_there(directory):
    with pytest.raises(ListenerTaken, match=f"there is no folder {directory}/missing for .*--listen"):
        check_listeners([f"unix/{directory}/missing/front.sock"], caddy=directory)
    (directory / "file").touch()
    with pytest.raises(ListenerTaken, match="there is no folder"):
        check_listeners([f"unix/{directory}/file/front.sock"], caddy=directory)


async def test_a_user_must_be_let_write_into_the_folder_of_a_unix_socket(directory, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ListenerTaken, match=f"may not create unix/{directory}/front.sock"):
        check_listeners([f"unix/{directory}/front.sock"], caddy=directory)


@pytest.mark.parametrize("ours", [True, False])
async def test_a_stale_unix_socket_of_another_user_is_named_where_only_that_one_may_remove_it(directory, monkeypatch, ours):
    path = directory / "front.sock"
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(path))
    directory.chmod(0o1777)
    user = os.geteuid() if ours else os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if ours:
        check_listeners([f"unix/{path}"], caddy=directory)
    else:
        with pytest.raises(ListenerTaken, match="belongs to another user"):
            check_listeners([f"unix/{path}"], caddy=directory)


async def test_a_stale_unix_socket_and_several_listeners_are_served(options, directory, app, port):
    path = directory / "front.sock"
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(path))
    edge = CaddyEdge(CaddyOptions(options.runtime, options.data, listen=(f"127.0.0.1:{port}", f"unix/{path}"), grace_period=5))
    await edge.start()
    try:
        await edge.apply([route("web", "a.test")], longest_wake=60)
        edge.steer(WEB, app.address)
        for connector, url in ((aiohttp.UnixConnector(str(path)), "http://a.test"), (aiohttp.TCPConnector(), f"http://127.0.0.1:{port}")):
            async with aiohttp.ClientSession(connector=connector) as client, client.get(url, headers={"Host": "a.test"}) as answer:
                assert answer.status == 200
    finally:
        await edge.stop()


async def test_a_runtime_path_that_is_too_long_for_sockets_ends_the_start_with_a_sentence(directory):
    options = CaddyOptions(runtime=directory / ("x" * 100), data=directory / "data")
    with pytest.raises(SocketPathTooLong, match="107 bytes"):
        await CaddyEdge(options).start()


async def test_a_caddy_that_ends_at_its_start_says_why(options, directory):
    binary = directory / "caddy"
    binary.write_text('#!/bin/sh\nif [ "$1" = version ]; then echo v2.99.0; else echo "Error: no wish to" >&2; exit 1; fi\n')
    binary.chmod(0o755)
    with pytest.raises(CaddyError, match="Caddy ended at its start: no wish to"):
        await CaddyEdge(CaddyOptions(options.runtime, options.data, binary=binary, listen=options.listen)).start()


async def test_caddy_may_open_as_many_descriptors_as_the_machine_allows(gateway):
    soft, hard = resource.prlimit(gateway.edge.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


async def test_caddy_writes_only_below_its_directories_and_not_for_others_to_read(gateway, directory, client):
    await gateway.routed(route("web", "a.test"))
    environment = Path(f"/proc/{gateway.edge.pid}/environ").read_bytes().split(b"\0")
    values = dict(variable.partition(b"=")[::2] for variable in environment)
    home = str(gateway.options.home).encode()
    assert values[b"HOME"] == home
    assert all(value.startswith(home) for name, value in values.items() if name.startswith(b"XDG_"))
    assert values[b"GOGC"] == b"200"
    assert gateway.options.runtime.stat().st_mode & 0o777 == 0o700
    assert (gateway.options.steer / "default.web").stat().st_mode & 0o777 == 0o600


async def test_a_held_request_survives_an_activator_that_restarts(gateway: Gateway, client, app):
    asked = asyncio.Event()

    async def never(request):
        asked.set()
        await asyncio.Event().wait()

    gateway.activator.answer = never
    await gateway.routed(route("web", "a.test"))
    request = asyncio.create_task(client.post(gateway.url, data=b"x" * 1000, headers={"Host": "a.test"}))
    await asked.wait()
    await gateway.activator.kill()
    gateway.edge.steer(WEB, app.address)
    gateway.activator = type(gateway.activator)(gateway.options.activator_socket)
    await gateway.activator.start()
    async with await request as answer:
        assert (answer.status, (await answer.json())["body"]) == (200, 1000)


@pytest.mark.parametrize("changes", [1, 3])
async def test_a_held_request_survives_route_changes_and_an_activator_that_restarts_after_each(
    gateway: Gateway, client: aiohttp.ClientSession, app: App, changes: int
):
    asked = asyncio.Event()

    async def never(request: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        return await asyncio.Future()

    gateway.activator.answer = never
    await gateway.routed(route("web", "a.test"))
    request = asyncio.create_task(client.post(gateway.url, data=b"x" * 1000, headers={"Host": "a.test"}))
    await asked.wait()
    for number in range(changes):
        await gateway.routed(route("web", "a.test"), route(f"other-{number}", "b.test"))
        asked.clear()
        await gateway.activator.kill()
        # For longer than the pause between two tries.
        await asyncio.sleep(2 * TRY_INTERVAL)
        gateway.activator = type(gateway.activator)(gateway.options.activator_socket)
        gateway.activator.answer = never
        await gateway.activator.start()
        async with asyncio.timeout(10):
            await asked.wait()
    gateway.edge.steer(WEB, app.address)
    await gateway.routed(route("web", "a.test"))
    await gateway.activator.kill()
    gateway.activator = type(gateway.activator)(gateway.options.activator_socket)
    await gateway.activator.start()
    async with await request as answer:
        assert (answer.status, (await answer.json())["body"]) == (200, 1000)


async def test_requests_that_nobody_holds_outlive_the_first_load_of_the_next_wakedock(gateway: Gateway, client, app):
    """A load ends the asking of requests that ask in vain at that moment, so they ask at different moments here."""
    await gateway.routed(route("web", "a.test"))
    await gateway.activator.stop()
    requests = []
    for _ in range(10):
        requests.append(asyncio.create_task(client.post(gateway.url, data=b"x" * 1000, headers={"Host": "a.test"})))
        await asyncio.sleep(0.025)
    await gateway.edge.release()
    gateway.edge = CaddyEdge(gateway.options)
    assert await gateway.edge.start() is True
    gateway.edge.steer(WEB, app.address)
    gateway.activator = type(gateway.activator)(gateway.options.activator_socket)
    await gateway.activator.start()
    await gateway.routed(route("web", "a.test"), route("other", "b.test"))
    assert gateway.edge.loads == 1
    for request in requests:
        async with await request as answer:
            assert (answer.status, (await answer.json())["body"]) == (200, 1000)
