"""HTTP/3, and HTTP/2 over TLS, through a cold start, with certificates of the gateway's own authority."""

import asyncio
import hashlib
import random
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.e2e.standing import Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

HOSTS = ("awake.test", "first.test", "later.test", "over-http2.test")
UPLOAD = random.Random(3).randbytes(1_000_000)


def services(plan: Plan) -> None:
    for host in HOSTS:
        plan.echo(host.removesuffix(".test"))


async def certified(port: int, host: str) -> None:
    """Wait until there is a certificate for `host`: Caddy makes them after it took the configuration."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anybody, server_hostname=host)
        except ssl.SSLError:
            continue
        writer.close()
        return


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services, "--tls", "internal") as stand:
        for host in HOSTS:
            await certified(stand.port, host)
        yield stand


@pytest.mark.http3
@pytest.mark.parametrize("name, used", [("first", False), ("later", True)], ids=["a new connection", "a used connection"])
async def test_http3(stand, name, used):
    from tests.e2e.http3_connection import http3_connection

    async with http3_connection(stand.port, f"{name}.test") as connection:
        if used:
            assert (await connection.ask("GET", "/", host="awake.test")).status == 200
        assert stand.starts(name) == 0
        for _ in ("cold", "warm"):
            answer = await connection.ask("POST", "/upload?a=b", host=f"{name}.test", body=UPLOAD)
            assert answer.status == 200
            assert answer.json()["sha256"] == hashlib.sha256(UPLOAD).hexdigest()
            assert (answer.json()["method"], answer.json()["target"]) == ("POST", "/upload?a=b")
            assert dict(answer.json()["headers"])["host"] == f"{name}.test"
            assert answer.header("server") == "echo/1"
            assert not [header for header, _ in answer.headers if "wakedock" in header]
        assert (await connection.ask("GET", "/", host=f"{name}.test")).status == 200
        assert stand.starts(name) == 1


async def test_http2_over_tls(stand):
    authority = stand.installation.data / "caddy/storage/pki/authorities/local/root.crt"
    trusting = ssl.create_default_context(cafile=str(authority))
    url = f"https://127.0.0.1:{stand.port}/upload"
    more = {"sni_hostname": "over-http2.test"}
    async with httpx.AsyncClient(http2=True, verify=trusting) as client:
        answer = await client.post(url, headers={"Host": "over-http2.test"}, extensions=more, content=UPLOAD)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert answer.json()["sha256"] == hashlib.sha256(UPLOAD).hexdigest()
    assert dict(answer.json()["headers"])["x-forwarded-proto"] == "https"
    assert answer.headers["alt-svc"].startswith(f'h3=":{stand.port}"')
