"""A Caddy that ends while others go on: no request of a client that keeps its connection is lost."""

import asyncio

import pytest

from tests.adapters.caddy.gateway import App, Gateway, route
from wakedock_operator.adapters.caddy.edge import spacing
from wakedock_operator.resource import Key

pytestmark = [pytest.mark.caddy, pytest.mark.caddy_options(farewell=1.0)]

WEB = Key("default", "web")
REQUEST = b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"


class Client:
    """Asks again and again over one connection, until it is told to leave."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answered = 0
        self.left = False
        self.lost = False

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self.left:
                writer.write(REQUEST)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(length)
                self.answered += 1
                self.left = b"\r\nconnection: close\r\n" in head
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost = True
        finally:
            writer.close()


async def test_clients_are_asked_to_leave_before_their_connections_are_closed(gateway: Gateway, app: App):
    await gateway.routed(route("web", "web.test"))
    gateway.edge.steer(WEB, app.address)
    clients = [Client(gateway.port) for _ in range(16)]
    asking = [asyncio.create_task(each.run()) for each in clients]
    while min(each.answered for each in clients) < 5:
        await asyncio.sleep(0.01)
    assert not any(each.left for each in clients)
    await gateway.edge.stop()
    await asyncio.wait(asking)
    assert [(each.left, each.lost) for each in clients] == [(True, False)] * 16


async def test_a_request_in_flight_is_answered_and_asked_to_leave(gateway: Gateway, app: App):
    await gateway.routed(route("web", "web.test"))
    gateway.edge.steer(WEB, app.address)
    app.gate.clear()
    client = Client(gateway.port)
    asking = asyncio.create_task(client.run())
    await app.entered.wait()
    stopping = asyncio.create_task(gateway.edge.stop())
    app.gate.set()
    await asyncio.wait({asking, stopping})
    assert (client.left, client.lost) == (True, False)


async def test_routes_that_change_tell_nobody_to_leave(gateway: Gateway, app: App, client):
    await gateway.routed(route("web", "web.test"))
    gateway.edge.steer(WEB, app.address)
    await gateway.routed(route("web", "web.test"), route("shop", "shop.test"))
    async with client.get(gateway.url, headers={"Host": "web.test"}) as answer:
        assert (answer.status, answer.headers.get("Connection")) == (200, None)


def test_the_wait_of_the_farewell_puts_no_change_of_routes_off():
    """A load lasts as long as the farewell of the configuration before, on top of its own work."""
    assert spacing(1.03, farewell=1.0) == pytest.approx(spacing(0.03, farewell=0.0))
    assert spacing(0.9, farewell=1.0) == 0.0


async def test_a_websocket_is_opened_all_the_same_while_caddy_ends(gateway: Gateway, app: App, client):
    await gateway.routed(route("web", "web.test"))
    gateway.edge.steer(WEB, app.address)
    others = [asyncio.create_task(Client(gateway.port).run()) for _ in range(2)]
    stopping = asyncio.create_task(gateway.edge.stop())
    await asyncio.wait(others)
    async with client.ws_connect(gateway.url, headers={"Host": "web.test"}) as connection:
        await connection.send_str("hello")
        assert await connection.receive_str() == "hello"
    await stopping
