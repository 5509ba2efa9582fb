"""Who gets which request: hosts, paths, protocols, ports, client headers, and what the gateway answers itself."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.connection import Answer, ask, connected
from tests.e2e.failing import condition
from tests.e2e.standing import Plan, Standing, standing
from wakedock_operator.adapters.process.ports import choose

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

FIXED_PORT = choose(())
NAVIGATION = [("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]


def self_signed(path: Path) -> Path:
    """A certificate and its key in one file, signed by nobody."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate + private)
    return path


def services(plan: Plan) -> None:
    plan.echo("exact", hosts=["a.wild.test", "also.test"])
    plan.echo("wild", hosts=["*.wild.test"])
    plan.echo("books", hosts=["Bücher.test"])
    plan.echo("root", hosts=["shared.test"])
    plan.echo("api", hosts=["shared.test"], paths=["/api", "/other"])
    plan.echo("deep", hosts=["shared.test"], paths=["/api/v1"])
    plan.echo("claim-1", hosts=["claimed.test"])
    plan.echo("claim-2", hosts=["claimed.test", "second.test"])
    plan.echo("unreachable", hosts=[])
    certificate = self_signed(plan.folder / "certificate.pem")
    plan.echo("encrypted", protocol="https", app={"env": [{"name": "CERTIFICATE", "value": str(certificate)}]})
    plan.echo("fixed", port=FIXED_PORT)
    plan.echo("headers")
    page = {"title": "Our <shop>", "message": "One moment & a bit", "theme": "dark", "refresh": "7s"}
    plan.gated("page", waitingPage=page)
    plan.gated("held", wake={"onCold": "Hold"})
    plan.gated("paged", wake={"onCold": "Page"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        yield stand


@pytest.mark.parametrize(
    "host, path, app",
    [
        pytest.param("a.wild.test", "/", "exact", id="an exact host"),
        pytest.param("A.Wild.Test", "/", "exact", id="upper and lower case are the same"),
        pytest.param("also.test", "/", "exact", id="a second host"),
        pytest.param("b.wild.test", "/", "wild", id="a pattern"),
        pytest.param("xn--bcher-kva.test", "/", "books", id="a host with an umlaut"),
        pytest.param("shared.test", "/", "root", id="no path"),
        pytest.param("shared.test", "/apiary", "root", id="a path that only looks alike"),
        pytest.param("shared.test", "/api", "api", id="a path"),
        pytest.param("shared.test", "/other/x", "api", id="a second path"),
        pytest.param("shared.test", "/api/v1/x", "deep", id="the longest path"),
        pytest.param("claimed.test", "/", "claim-1", id="a host that two claim"),
        pytest.param("second.test", "/", "claim-2", id="the other host of the one that came later"),
    ],
)
async def test_a_request_reaches(stand, host, path, app):
    answer = await ask(stand.port, f"{host}:{stand.port}", path, "POST", body=b"x")
    assert answer.status == 200
    assert answer.json()["app"] == app
    assert dict(answer.json()["headers"])["host"] == f"{host}:{stand.port}"


@pytest.mark.parametrize("host", ["unknown.test", "c.b.wild.test", "wild.test", "unreachable.test", "127.0.0.1", "x.a.wild.test"])
async def test_an_unknown_host_is_not_found(stand, host):
    answer = await ask(stand.port, host)
    assert (answer.status, answer.body) == (404, b"")


async def test_the_service_that_came_later_says_who_has_its_host(stand):
    record = await stand.installation.until("claim-2", lambda record: condition(record, "Routed")[0] == "False")
    assert condition(record, "Routed")[1:] == ("HostTaken", "claimed.test/ belongs to default/claim-1, which was first")
    assert condition(record, "Ready")[:2] == ("True", "Served"), "its other host leads to it"
    assert condition(stand.installation.status("claim-1"), "Routed")[:2] == ("True", "Routed")
    assert condition(stand.installation.status("unreachable"), "Routed")[:2] == ("True", "NoHosts")


async def test_an_app_with_a_certificate_that_nobody_signed(stand):
    for _ in ("cold", "warm"):
        answer = await ask(stand.port, "encrypted.test", "/x", "POST", body=b"x" * 100_000)
        assert (answer.status, answer.json()["length"]) == (200, 100_000)
        assert dict(answer.json()["headers"])["host"] == "encrypted.test"


async def test_a_fixed_port(stand):
    for _ in range(2):
        assert (await ask(stand.port, "fixed.test")).status == 200
        record = stand.installation.instance("fixed")
        assert (record["port"], record["address"]) == (FIXED_PORT, f"127.0.0.1:{FIXED_PORT}")
        await stand.sleep("fixed")


SPOOFED = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "bank.test"),
    ("X-Forwarded-User", "admin"),
    ("X-Real-IP", "192.0.2.7"),
    ("Forwarded", "for=192.0.2.7"),
    ("Forwarded-For", "192.0.2.7"),
    ("X-Scheme", "https"),
    ("X-WebAuth-User", "admin"),
    ("Remote-User", "admin"),
    ("X-Wakedock-Service", "default.other"),
    ("X-Mine", "passes"),
]


def seen(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.json()["headers"] if name.startswith(("x-", "forwarded", "remote-"))}


async def test_nobody_believes_what_a_client_says_about_itself(stand):
    for _ in ("cold", "warm"):
        assert seen(await ask(stand.port, "headers.test", headers=SPOOFED)) == {
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-host": "headers.test",
            "x-forwarded-proto": "http",
            "x-mine": "passes",
        }
    code, out, _ = await stand.installation.run("events", "headers", "-o", "json")
    assert code == 0
    assert [event["asker"]["client"] for event in json.loads(out) if event["kind"] == "Woke"] == ["127.0.0.1"]


async def test_a_trusted_proxy_is_believed():
    async with standing(lambda plan: plan.echo("headers"), "--trusted-proxies", "127.0.0.0/8") as stand:
        for _ in ("cold", "warm"):
            assert seen(await ask(stand.port, "headers.test", headers=SPOOFED)) == {
                "x-forwarded-for": "192.0.2.7, 127.0.0.1",
                "x-forwarded-host": "bank.test",
                "x-forwarded-proto": "https",
                "x-forwarded-user": "admin",
                "x-real-ip": "192.0.2.7",
                "forwarded": "for=192.0.2.7",
                "forwarded-for": "192.0.2.7",
                "x-scheme": "https",
                "x-webauth-user": "admin",
                "remote-user": "admin",
                "x-wakedock-service": "default.other",
                "x-mine": "passes",
            }
        _, out, _ = await stand.installation.run("events", "headers", "-o", "json")
        assert [event["asker"]["client"] for event in json.loads(out) if event["kind"] == "Woke"] == ["192.0.2.7"]


async def test_a_browser_sees_the_page_and_how_the_wake_goes_on(stand):
    progress = [("Accept", "application/json")]
    before = await ask(stand.port, "page.test", "/.wakedock/progress", headers=progress)
    assert (before.status, before.json()["phase"]) == (200, "asleep")
    assert stand.installation.instance("page") is None, "watching wakes nothing"

    page = await ask(stand.port, "page.test", "/shop?a=b", headers=NAVIGATION)
    assert (page.status, page.header("content-type")) == (503, "text/html; charset=utf-8")
    assert (page.header("cache-control"), page.header("retry-after")) == ("no-store", "7")
    assert page.header("server") != "echo/1"
    text = page.body.decode()
    assert "Our &lt;shop&gt;" in text
    assert "One moment &amp; a bit" in text
    assert 'content="7"' in text
    assert 'data-theme="dark"' in text

    async with connected(stand.port) as connection:
        await connection.begin("GET", "/.wakedock/progress", host="page.test", headers=[("Accept", "text/event-stream")])
        await connection.finish()
        assert (await connection.event()).status_code == 200
        got = b""
        while b'"started"' not in got:
            got += (await connection.event()).data
        stand.gates["page"].open()
        while b'"ready"' not in got:
            got += (await connection.event()).data
    assert (await ask(stand.port, "page.test", "/shop", headers=NAVIGATION)).header("server") == "echo/1"


async def test_whoever_wants_everything_held_gets_no_page(stand):
    async with connected(stand.port) as connection:
        await connection.begin("GET", "/", host="held.test", headers=NAVIGATION)
        await connection.finish()
        await stand.until_held(1)
        stand.gates["held"].open()
        assert (await connection.event()).status_code == 200


async def test_whoever_wants_pages_gets_them_for_every_get_that_takes_html(stand):
    page = await ask(stand.port, "paged.test", headers=[("Accept", "text/html")])
    assert (page.status, page.header("content-type")) == (503, "text/html; charset=utf-8")
    async with connected(stand.port) as connection:
        await connection.begin("POST", "/", host="paged.test", headers=[*NAVIGATION, ("Content-Length", "0")])
        await connection.finish()
        await stand.until_held(1)
        stand.gates["paged"].open()
        assert (await connection.event()).status_code == 200


async def test_without_wakedock_awake_apps_are_served_and_unknown_hosts_are_not_found():
    def services(plan: Plan) -> None:
        plan.echo("awake")

    async with standing(services) as stand:
        assert (await ask(stand.port, "awake.test")).status == 200
        await stand.installation.until_serving("awake", "Awake")
        await stand.installation.kill()
        assert (await ask(stand.port, "unknown.test")).status == 404
        answer = await ask(stand.port, "awake.test", "/x", "POST", body=b"x" * 1000)
        assert (answer.status, answer.json()["length"]) == (200, 1000)
