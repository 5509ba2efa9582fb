"""A gRPC service without generated code: messages are bytes.

usage: grpc_app.py SERVICE

    /SERVICE/Unary      answers a message with itself and the metadata `x-said`
    /SERVICE/Chat       answers each message of a stream at once
    /SERVICE/Refuse     ends with NOT_FOUND and a trailer
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import grpc


async def unary(message: bytes, context: grpc.aio.ServicerContext) -> bytes:
    said: str = dict(context.invocation_metadata()).get("x-said", "nowhere")
    return message + b" at " + said.encode()


async def chat(messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
    async for message in messages:
        yield b"heard " + message


async def refuse(message: bytes, context: grpc.aio.ServicerContext) -> bytes:
    context.set_trailing_metadata((("x-trailer", "said at the end"),))
    await context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")
    return b""


async def main() -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(sys.argv[1], methods),))
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(main())
