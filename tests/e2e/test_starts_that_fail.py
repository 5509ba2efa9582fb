"""A failing start ends the wait early, with its cause: what the client sees, what the status and the history say, and what is left."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.apps.faulty import SECRET
from tests.e2e.connection import ask
from tests.e2e.failing import behaving, condition, faulty, problem, running, unprivileged, until_nothing_runs
from tests.e2e.installation import free_port
from tests.e2e.standing import Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

SOON = {"timeout": "1s"}
NEVER = {"timeout": "1h"}
"""A test that passes with this did not wait for the time-out."""

FIXED = free_port()


def services(plan: Plan) -> None:
    behaving(plan, "hangs", "hangs", wake=SOON)
    behaving(plan, "elsewhere", "elsewhere", wake=SOON)
    behaving(plan, "ails", "ails", wake=SOON)
    behaving(plan, "ails-fast", "ails", wake=SOON | {"failFast": True})
    behaving(plan, "exits", "exits", wake=NEVER)
    behaving(plan, "mended", "exits", wake=NEVER)
    behaving(plan, "told", "exits", wake=NEVER)
    behaving(plan, "fallen", "fine")
    behaving(plan, "late", "late")
    behaving(plan, "crashes", "fine")
    behaving(plan, "taken", "fine", port=FIXED, wake=NEVER)
    plan.service("unknown-command", app={"command": ["/nowhere/to/be/found", "$(PORT)"]}, wake=NEVER)
    plan.service("not-permitted", app=unprivileged(plan.folder), wake=NEVER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        yield stand


async def give_up(stand: Standing, name: str) -> str:
    """Wait until the failed start is given up and nothing of it is left; returns the message of its cause."""
    record = await until_nothing_runs(stand.installation, name)
    assert record["drain"]["reason"] == "StartFailed"
    assert record["failures"] == 1
    assert all(not running(line["pid"]) for line in stand.noted(name, event="start"))
    ready, reason, message = condition(record, "Ready")
    assert (ready, reason, message) == ("False", "StartFailed", record["drain"]["cause"]["message"])
    return str(message)


@pytest.mark.parametrize(
    "name, cause", [("hangs", "NoAnswer"), ("elsewhere", "NoAnswer"), ("ails", "Unhealthy"), ("ails-fast", "Unhealthy")]
)
async def test_an_app_that_does_not_get_ready_is_waited_for_until_the_time_out(stand: Standing, name: str, cause: str):
    answer = await ask(stand.port, f"{name}.test", "/", "POST", body=b"x" * 1000)
    assert problem(answer) == (504, "timed-out", cause)
    await stand.installation.until(name, lambda record: record["drain"] is not None and record["drain"]["reason"] == "StartFailed")
    refused = await ask(stand.port, f"{name}.test")
    assert problem(refused) == (503, "start-failed", cause), "during the back-off the cause is answered at once"
    assert "within wake.timeout (1 s)" in await give_up(stand, name)
    assert stand.starts(name) == 1


@pytest.mark.parametrize(
    "name, cause, says",
    [
        ("exits", "Exited", "exited with code 3"),
        ("unknown-command", "CommandNotFound", "/nowhere/to/be/found"),
        ("not-permitted", "NotPermitted", "private/program"),
    ],
)
async def test_a_start_that_is_known_to_have_failed_is_answered_at_once(stand: Standing, name: str, cause: str, says: str):
    held = await asyncio.gather(*(ask(stand.port, f"{name}.test", "/", "POST", body=b"x" * 1000) for _ in range(3)))
    for answer in held:
        assert problem(answer) == (503, "start-failed", cause)
        assert int(answer.header("retry-after") or 0) >= 1
        assert SECRET.encode() not in answer.body
    assert says in await give_up(stand, name)


async def test_what_the_app_said_is_for_the_status_and_not_for_strangers(stand: Standing):
    record = await stand.installation.until("exits", lambda record: record["serving"] == "Asleep" and record["failures"] > 0)
    assert SECRET in condition(record, "Ready")[2]


async def test_an_app_that_listens_late_is_waited_for(stand: Standing):
    answer = await ask(stand.port, "late.test", "/there", "POST", body=b"x" * 5000)
    assert (answer.status, answer.body.split()[:3]) == (200, [b"POST", b"/there", b"5000"])


async def test_a_stranger_on_a_fixed_port_gets_nothing_of_the_app(stand: Standing):
    with socket.create_server(("127.0.0.1", FIXED)) as stranger:
        stranger.settimeout(0)
        answer = await ask(stand.port, "taken.test", "/", "POST", body=b"x" * 1000)
        assert problem(answer) == (503, "start-failed", "PortTaken")
        with pytest.raises(BlockingIOError):
            stranger.accept()
    assert f"port {FIXED} is in use" in await give_up(stand, "taken")
    assert stand.starts("taken") == 0


async def test_a_crash_while_awake_is_held_and_started_again_once(stand: Standing):
    before = await ask(stand.port, "crashes.test")
    assert before.status == 200
    cut = await ask(stand.port, "crashes.test", "/crash", "POST", body=b"x")
    assert cut.status == 502, "the app had this request: it is not sent again"
    # The kernel takes connections for a process that is dying; those are cut, as are those that it had.
    await stand.installation.until("crashes", lambda _: stand.installation.instance("crashes") is None)
    after = await asyncio.gather(*(ask(stand.port, "crashes.test", "/", "POST", body=b"x" * 1000) for _ in range(20)))
    assert [answer.status for answer in after] == [200] * 20
    assert len({answer.body for answer in after}) == 1
    assert stand.starts("crashes") == 2
    assert (await stand.installation.until_serving("crashes", "Awake"))["failures"] == 0


async def test_a_mended_app_is_served_once_the_back_off_is_over(stand: Standing):
    assert problem(await ask(stand.port, "mended.test")) == (503, "start-failed", "Exited")
    spec = {"hosts": ["mended.test"], "idleTimeout": "1h", "wake": NEVER}
    stand.installation.define("mended", **spec, app={"command": faulty("mended", stand.ledger, "fine")})
    answer = await ask(stand.port, "mended.test")
    while answer.status != 200:
        assert problem(answer) == (503, "start-failed", "Exited")
        await asyncio.sleep(int(answer.header("retry-after") or 0))
        answer = await ask(stand.port, "mended.test")
    record = await stand.installation.until_serving("mended", "Awake")
    assert (record["failures"], condition(record, "Ready")[0]) == (0, "True")


async def test_the_history_says_who_asked_for_the_start_that_failed_and_what_crashed(stand: Standing):
    await ask(stand.port, "told.test", "/path?token=secret", "POST", body=b"x")
    await give_up(stand, "told")
    code, out, errors = await stand.installation.run("events", "told", "--kind", "WakeFailed", "-o", "json")
    assert code == 0, errors
    (event,) = json.loads(out)
    assert (event["kind"], event["reason"]) == ("WakeFailed", "Exited")
    assert "exited with code 3" in event["message"]
    assert (event["asker"]["method"], event["asker"]["host"], event["asker"]["path"]) == ("POST", "told.test", "/path")
    assert "token=secret" not in out
    await ask(stand.port, "fallen.test")
    await stand.installation.until_serving("fallen", "Awake")
    await ask(stand.port, "fallen.test", "/crash", "POST", body=b"x")
    await stand.installation.until("fallen", lambda record: condition(record, "Ready")[1] == "Crashed")
    code, out, errors = await stand.installation.run("events", "fallen", "--kind", "Crashed", "-o", "json")
    assert code == 0, errors
    assert ["exited with code 9" in each["message"] for each in json.loads(out)] == [True]
