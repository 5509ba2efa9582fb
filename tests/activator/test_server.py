import asyncio
import socket
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector
from aiohttp.client_exceptions import ClientConnectionError

from tests.activator.fake_gatekeeper import NOW, WEB, FakeGatekeeper, FixedClock, wake_service
from tests.activator.serving import BROWSER, HOLD, REQUEST_ID, activator, runtime_directory
from wakedock_operator.activator import problems
from wakedock_operator.activator.problems import REFUSALS
from wakedock_operator.activator.questions import Granted, Refusal, RefusalReason
from wakedock_operator.activator.server import build_app, serve
from wakedock_operator.core.status import Asker, FailureReason


async def test_a_granted_hold_is_204_without_body():
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        answer = await web.hold()
        assert answer.status == 204
        assert await answer.read() == b""
        assert "Server" not in answer.headers


async def test_the_question_says_everything_caddy_said():
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        await web.hold(x_wakedock_method="POST")
        [question] = web.gatekeeper.asked
    assert question.key == WEB
    assert question.request_id == REQUEST_ID
    assert question.age == 2.5005
    assert question.asker == Asker(
        at=NOW - timedelta(seconds=2.5005),
        method="POST",
        host="web.example.org",
        path="/a%20b",
        user_agent="curl/8",
        client="203.0.113.9",
    )


@pytest.mark.parametrize(
    "said,understood",
    [
        pytest.param("/a?token=secret", "/a", id="a query is cut off"),
        pytest.param("/" + "x" * 5000, "/" + "x" * 1023, id="a long path is cut"),
        pytest.param("/a\tb", "/ab", id="a control character is dropped"),
        pytest.param("%2Fa%0Ab", "/ab", id="an escaped control character is dropped"),
        pytest.param("%2Fa+b%2Fc", "/a%20b/c", id="what Caddy escapes like a form's value reads like a URL"),
        pytest.param("/a\u202eb", "/ab", id="a mark that turns the direction of text is dropped"),
        pytest.param("/\N{BLACK HEART SUIT}", "/\N{BLACK HEART SUIT}", id="other characters stay"),
    ],
)
async def test_what_a_client_chose_is_made_harmless(said: str, understood: str):
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        await web.hold(x_wakedock_path=said)
        assert web.gatekeeper.asked[0].asker.path == understood


async def test_bytes_that_are_no_utf8_do_not_reach_the_record():
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        lines = "".join(f"{name}: {value}\r\n" for name, value in HOLD.items() if name != "User-Agent")
        request = f"GET /hold/x HTTP/1.1\r\nHost: activator\r\nConnection: close\r\n{lines}User-Agent: ".encode() + b"a\xff\xfeb\r\n\r\n"
        reader, writer = await asyncio.open_unix_connection(str(web.socket))
        writer.write(request)
        assert (await reader.readline()) == b"HTTP/1.1 204 No Content\r\n"
        writer.close()
        assert web.gatekeeper.asked[0].asker.user_agent == "ab"


async def test_headers_of_12_kb_are_read():
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        answer = await web.hold(x_wakedock_path="/" + "p" * 12_000, user_agent="u" * 12_000, accept="a" * 12_000)
        assert answer.status == 204


async def test_a_request_line_of_30_kb_is_read():
    async with activator() as web:
        answer = await web.get("/.wakedock/" + "x" * 30_000)
        assert answer.status == 404


@pytest.mark.parametrize(
    "reason,status",
    [
        (RefusalReason.SUSPENDED, 503),
        (RefusalReason.REMOVED, 503),
        (RefusalReason.START_FAILED, 503),
        (RefusalReason.TIMED_OUT, 504),
        (RefusalReason.TOO_MANY_HELD, 503),
        (RefusalReason.UNKNOWN, 404),
    ],
)
async def test_a_refusal_is_a_problem_with_its_status_and_when_to_ask_again(reason: RefusalReason, status: int):
    async with activator() as web:
        web.gatekeeper.decide(Refusal(reason, retry_after=2.1))
        answer = await web.hold()
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Retry-After"] == "3"
        assert answer.headers["Cache-Control"] == "no-store"
        document = await answer.json(content_type=None)
    assert document == {
        "type": f"https://wakedock.dev/problems/{reason.value}",
        "title": REFUSALS[reason].title,
        "status": status,
        "detail": REFUSALS[reason].detail,
        "instance": f"urn:uuid:{REQUEST_ID}",
    }


def test_every_reason_has_a_problem_of_its_own():
    assert REFUSALS.keys() == set(RefusalReason)
    assert all(problem.name == reason.value for reason, problem in REFUSALS.items())


def test_every_problem_is_documented_with_its_status():
    page = (Path(__file__).parents[2] / "docs/reference/problems.md").read_text()
    by_caddy = "| `asleep` "
    documented = [line for line in page.splitlines() if line.startswith("| `") and not line.startswith(by_caddy)]
    assert by_caddy in page
    kinds = {*REFUSALS.values(), *(kind for kind in vars(problems).values() if isinstance(kind, problems.Problem))}
    assert sorted(line.split("|")[1:4] for line in documented) == sorted(
        [f" `{kind.name}` ", f" {kind.status} ", f" {kind.title} "] for kind in kinds
    )


async def test_a_failed_start_names_the_class_of_its_cause():
    async with activator() as web:
        web.gatekeeper.decide(Refusal(RefusalReason.START_FAILED, FailureReason.PORT_TAKEN))
        document = await (await web.hold()).json(content_type=None)
        assert document["cause"] == "PortTaken"


async def test_a_refused_head_has_no_body():
    async with activator() as web:
        web.gatekeeper.decide(Refusal(RefusalReason.TIMED_OUT))
        answer = await web.hold(x_wakedock_method="HEAD")
        assert answer.status == 504
        assert answer.content_type == "application/problem+json"
        assert await answer.read() == b""


@pytest.mark.parametrize(
    "header,value",
    [
        ("x_wakedock_service", ""),
        ("x_wakedock_service", "web"),
        ("x_wakedock_service", "default.web.more"),
        ("x_wakedock_service", "default.../etc/passwd"),
        ("x_wakedock_request", "1"),
        ("x_wakedock_age_ms", "soon"),
        ("x_wakedock_age_ms", "-1"),
        ("x_wakedock_age_ms", "nan"),
        ("x_wakedock_age_ms", "inf"),
    ],
)
async def test_a_malformed_hold_is_told_which_header_is_wrong(header: str, value: str):
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        answer = await web.hold(**{header: value})
        document = await answer.json(content_type=None)
        assert answer.status == 400
        assert document["type"] == "https://wakedock.dev/problems/malformed-hold"
        assert document["reason"].lower().startswith(header.replace("_", "-"))
        assert web.gatekeeper.asked == []


async def test_a_client_that_leaves_frees_its_hold():
    async with activator() as web:
        waiting = asyncio.create_task(web.hold())
        await web.gatekeeper.wait_until("held")
        waiting.cancel()
        await web.gatekeeper.wait_until("not held")
        assert [question.request_id for question in web.gatekeeper.left] == [REQUEST_ID]


async def test_a_mistake_in_the_gatekeeper_is_a_problem_and_says_nothing_about_itself():
    async with activator() as web:
        web.gatekeeper.fail = RuntimeError("the secret inside")
        answer = await web.hold()
        assert answer.status == 500
        assert answer.content_type == "application/problem+json"
        assert "secret" not in await answer.text()


async def test_a_service_nobody_knows_is_the_gatekeepers_to_decide():
    async with activator() as web:
        web.gatekeeper.services.clear()
        web.gatekeeper.decide(Refusal(RefusalReason.UNKNOWN))
        answer = await web.hold(**BROWSER)
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/.wakedock/", "/.wakedock/x", "/.wakedock/assets/", "/.wakedock/assets/waiting.css", "/.wakedock/progress/x"]
)
async def test_anything_else_is_not_found(path: str):
    async with activator() as web:
        answer = await web.get(path)
        assert answer.status == 404
        assert (await answer.json(content_type=None))["type"] == "https://wakedock.dev/problems/not-found"


@pytest.mark.parametrize(
    "path", ["/.wakedock/../hold/x", "/.wakedock/%2e%2e/hold/x", "/.wakedock/..%2fhold/x", "/.wakedock//hold/x", "/.wakedock/%2E./hold/x"]
)
async def test_a_path_of_a_client_never_becomes_a_hold(path: str):
    async with activator() as web:
        web.gatekeeper.decide(Granted())
        reader, writer = await asyncio.open_unix_connection(str(web.socket))
        lines = "".join(f"{name}: {value}\r\n" for name, value in HOLD.items())
        writer.write(f"GET {path} HTTP/1.1\r\nHost: activator\r\nConnection: close\r\n{lines}\r\n".encode())
        assert (await reader.readline()) == b"HTTP/1.1 404 Not Found\r\n"
        writer.close()
        assert web.gatekeeper.asked == []


async def test_what_can_only_be_read_says_so():
    async with activator() as web:
        answer = await web.get("/.wakedock/progress", method="POST")
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET"
        assert answer.content_type == "application/problem+json"


async def test_the_socket_is_private_and_replaces_a_stale_one():
    directory = runtime_directory()
    path = directory / "activator.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    gatekeeper = FakeGatekeeper(wake_service())
    gatekeeper.decide(Granted())
    runner = await serve(build_app(gatekeeper, FixedClock()), path)
    assert stat.filemode(path.stat().st_mode) == "srw-------"
    assert [entry.name for entry in directory.iterdir()] == ["activator.sock"]
    async with ClientSession(connector=UnixConnector(str(path))) as session, session.get("http://activator/hold/x", headers=HOLD) as answer:
        assert answer.status == 204
    await runner.cleanup()
    async with ClientSession(connector=UnixConnector(str(path))) as session:
        with pytest.raises(ClientConnectionError):
            await session.get("http://activator/hold/x", headers=HOLD)
    path.unlink(missing_ok=True)
    directory.rmdir()


async def test_a_socket_path_that_is_too_long_is_refused_with_a_sentence(tmp_path: Path):
    path = tmp_path / ("d" * 100) / "activator.sock"
    with pytest.raises(OSError, match="choose a shorter runtime directory"):
        await serve(build_app(FakeGatekeeper(), FixedClock()), path)


async def test_a_socket_in_a_folder_that_is_not_there_leaves_nothing_open():
    directory = runtime_directory()
    with pytest.raises(FileNotFoundError):
        await serve(build_app(FakeGatekeeper(), FixedClock()), directory / "gone" / "a.sock")
    directory.rmdir()
