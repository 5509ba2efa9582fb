"""A WebSocket app: says which host and protocol it was asked for, then sends every message back."""

import asyncio
import http
import os

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol


async def mirror(connection: ServerConnection) -> None:
    assert connection.request is not None
    await connection.send(f"{connection.request.headers['Host']} {connection.request.path} {connection.subprotocol}")
    async for message in connection:
        await connection.send(message)


def page(connection: ServerConnection, request: Request) -> Response | None:
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return None
    return connection.respond(http.HTTPStatus.OK, "a page\n")


async def main() -> None:
    port = int(os.environ["PORT"])
    async with serve(mirror, "127.0.0.1", port, process_request=page, subprotocols=[Subprotocol("chat")], max_size=None) as server:
        await server.serve_forever()


asyncio.run(main())
