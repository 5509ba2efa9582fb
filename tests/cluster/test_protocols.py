"""What a browser and a service speak, through a cold start."""

import asyncio
import random

import grpc
import pytest
from websockets.asyncio.client import connect

from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, app, host

pytestmark = [pytest.mark.cluster, pytest.mark.grpc]


async def test_a_websocket_opens_cold_and_keeps_its_app_awake(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "chat", idleTimeout="2s"), app(kubectl.namespace, "other", idleTimeout="1s"))
    chat, other = Seen(kubectl, "chat"), Seen(kubectl, "other")
    asleep = await asyncio.to_thread(chat.ready)
    async with connect(f"ws://{chat.host}/socket", host=wakedock.address, port=80, proxy=None) as websocket:
        await websocket.send("first")
        assert await websocket.recv() == "first"
        awake = await asyncio.to_thread(chat.until, "Awake", after=asleep["epoch"])
        # Somebody else's whole cycle is longer than the time-out of this one.
        await asyncio.to_thread(ask, wakedock.address, other.host)
        woken = await asyncio.to_thread(other.until, "Awake")
        await asyncio.to_thread(other.until, "Asleep", after=woken["epoch"])
        await websocket.send("second")
        assert await websocket.recv() == "second"
        assert chat.status()["epoch"] == awake["epoch"]
    await asyncio.to_thread(chat.until, "Asleep", after=awake["epoch"])


async def test_a_grpc_call_opens_cold(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "calls", protocol="h2c"))
    calls = Seen(kubectl, "calls")
    await asyncio.to_thread(calls.ready)
    options = [("grpc.default_authority", calls.host), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(f"{wakedock.address}:80", options=options) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert await check(b"", timeout=60) == b"\x08\x01"
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=60)
        assert await watch.read() == b"\x08\x01"
        watch.cancel()


def test_an_upload_comes_whole_through_a_cold_start(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "files"))
    Seen(kubectl, "files").ready()
    upload = random.Random(5).randbytes(20_000_000)
    status, body = ask(wakedock.address, host(kubectl.namespace, "files"), data=upload, path="/echo")
    assert (status, body == upload) == (200, True)
