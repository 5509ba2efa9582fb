"""HTTP/1.1 through a cold start: what passes warm passes cold, byte for byte, on a new connection and on one that was used before."""

import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11
import pytest
import pytest_asyncio

from tests.e2e.connection import Answer, Connection, ask, connected
from tests.e2e.standing import Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

COLD = 100
UPLOAD = random.Random(1).randbytes(50 * 1024 * 1024)


def services(plan: Plan) -> None:
    plan.echo("awake", ignore={"paths": ["/ignored"]})
    for number in range(COLD):
        plan.echo(f"cold-{number}", ignore={"paths": ["/ignored"]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        async with connected(stand.port) as connection:
            assert (await connection.ask("GET", "/", host="awake.test")).status == 200
        yield stand


@pytest.fixture(scope="module")
def unused() -> Callable[[], str]:
    """The next service that nobody woke yet."""
    numbers = iter(range(COLD))
    return lambda: f"cold-{next(numbers)}"


@pytest.fixture
def cold(unused):
    return unused()


async def nothing(connection: Connection, cold: str) -> None:
    """The cold request is the connection's first."""


async def after_an_awake_one(connection: Connection, cold: str) -> None:
    assert (await connection.ask("POST", "/before", host="awake.test", body=b"x" * 100)).status == 200


async def after_an_ignored_one(connection: Connection, cold: str) -> None:
    assert (await connection.ask("GET", "/ignored", host=f"{cold}.test")).status == 503


@pytest_asyncio.fixture(
    loop_scope="module",
    params=[nothing, after_an_awake_one, after_an_ignored_one],
    ids=["first", "after one to an awake app", "after an ignored one"],
)
async def connection(request, stand, cold) -> AsyncIterator[Connection]:
    """A client's connection, new or used."""
    async with connected(stand.port) as connection:
        await request.param(connection, cold)
        yield connection


def seen(answer: Answer) -> dict[str, list[str]]:
    """The headers that the app got."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.json()["headers"]:
        headers.setdefault(name, []).append(value)
    return headers


async def cold_and_warm(stand: Standing, connection: Connection, cold: str, *request, **more) -> Answer:
    """Ask a sleeping app, then again while it is awake: both see and answer the same. Returns the cold answer."""
    host = f"{cold}.test:{stand.port}"
    assert stand.starts(cold) == 0
    first = await connection.ask(*request, host=host, **more)
    second = await connection.ask(*request, host=host, **more)
    assert stand.starts(cold) == 1
    assert first.status == second.status
    assert first.compared == second.compared
    assert first.body == second.body
    assert first.header("server") == "echo/1"
    assert first.header("x-twice") == "one, two"
    assert first.header("set-cookie") == "a=1; Path=/, b=2; Path=/"
    assert not [name for name, _ in first.headers if "wakedock" in name]
    if first.body:
        assert seen(first)["host"] == [host]
        assert not [name for name in seen(first) if "wakedock" in name]
        assert first.json()["method"] == request[0]
        assert first.json()["target"] == request[1]
    return first


async def test_an_upload_of_50_mb(stand, connection, cold):
    answer = await cold_and_warm(stand, connection, cold, "POST", "/upload", body=UPLOAD)
    assert answer.status == 200
    assert answer.json()["length"] == len(UPLOAD)
    assert answer.json()["sha256"] == hashlib.sha256(UPLOAD).hexdigest()


async def test_an_upload_in_chunks(stand, connection, cold):
    parts = [UPLOAD[start : start + 70_000] for start in range(0, 3_000_000, 70_000)]
    answer = await cold_and_warm(stand, connection, cold, "POST", "/upload", body=parts)
    assert answer.json()["sha256"] == hashlib.sha256(b"".join(parts)).hexdigest()
    assert seen(answer)["transfer-encoding"] == ["chunked"]


async def test_head(stand, connection, cold):
    answer = await cold_and_warm(stand, connection, cold, "HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length") or 0) > 0


@pytest.mark.parametrize("body", [None, b""], ids=["without a length", "with the length 0"])
async def test_an_empty_post(stand, connection, cold, body):
    answer = await cold_and_warm(stand, connection, cold, "POST", "/", body=body)
    assert (answer.status, answer.json()["length"]) == (200, 0)


async def test_a_cookie_of_12_kb(stand, connection, cold):
    cookie = "session=" + "abcdefghijkl" * 1000
    answer = await cold_and_warm(stand, connection, cold, "GET", "/", headers=[("Cookie", cookie)])
    assert seen(answer)["cookie"] == [cookie]


async def test_a_uri_of_10_kb(stand, connection, cold):
    target = "/" + "abcdefgh/" * 500 + "%0a%00%7B?" + "q=%20{env.HOME}&" * 350
    assert len(target) > 10_000
    assert (await cold_and_warm(stand, connection, cold, "GET", target)).status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method(stand, connection, cold, method):
    answer = await cold_and_warm(stand, connection, cold, method, "/thing?a=1&a=2", body=b"body of " + method.encode())
    assert answer.json()["sha256"] == hashlib.sha256(b"body of " + method.encode()).hexdigest()


async def test_what_the_app_answers_passes_as_it_is(stand, connection, cold):
    assert (await cold_and_warm(stand, connection, cold, "POST", "/status/503", body=b"x")).status == 503


async def test_an_early_hint(stand, connection, cold):
    answer = await cold_and_warm(stand, connection, cold, "GET", "/early")
    assert (answer.early, answer.status) == ((103,), 200)


async def test_a_form_that_a_browser_posts_is_held(stand, connection, cold):
    browser = [
        ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Upgrade-Insecure-Requests", "1"),
    ]
    answer = await cold_and_warm(stand, connection, cold, "POST", "/form", headers=browser, body=b"name=value&b=%C3%A4")
    assert (answer.status, answer.json()["length"]) == (200, 19)
    assert all(seen(answer)[name.lower()] == [value] for name, value in browser)


async def test_a_client_that_waits_for_100_before_its_body(stand, connection, cold):
    body = b"held back" * 1000
    headers = [("Expect", "100-continue"), ("Content-Length", str(len(body)))]
    await connection.begin("POST", "/upload", host=f"{cold}.test", headers=headers)
    assert (await connection.event()).status_code == 100
    await connection.send(body)
    answer = await connection.end()
    assert answer.status == 200
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()


async def test_server_sent_events_come_one_by_one(stand, connection, cold):
    await connection.begin("GET", "/events", host=f"{cold}.test", headers=[("Accept", "text/event-stream")])
    await connection.finish()
    head = await connection.event()
    assert (head.status_code, dict(head.headers)[b"content-type"]) == (200, b"text/event-stream")
    assert (await connection.event()).data == b"id: 0\ndata: event 0\n\n"
    for number in (1, 2):
        await ask(stand.port, f"{cold}.test", "/release")
        assert (await connection.event()).data == f"id: {number}\ndata: event {number}\n\n".encode()
    assert isinstance(await connection.event(), h11.EndOfMessage)


async def raw_answer(connection: Connection) -> Any:
    head = (await connection.reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200 ")
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return json.loads(await connection.reader.readexactly(length))


async def test_requests_that_are_sent_ahead_are_answered_in_order(stand, connection, cold):
    for number in range(3):
        connection.writer.write(f"POST /{number} HTTP/1.1\r\nHost: {cold}.test\r\nContent-Length: 4\r\n\r\nbody".encode())
    answers = [await raw_answer(connection) for _ in range(3)]
    assert [answer["target"] for answer in answers] == ["/0", "/1", "/2"]
    assert [line["path"] for line in stand.noted(cold, event="request") if line["path"] != "/"] == ["/0", "/1", "/2"]
