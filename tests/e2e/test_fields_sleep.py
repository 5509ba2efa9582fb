"""When an app goes to sleep and what keeps it awake.

Nothing here measures: what the apps noted on the monotonic clock shows that nobody slept earlier than was promised.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.e2e.connection import ask
from tests.e2e.failing import condition, problem
from tests.e2e.standing import APPS, PYTHON, Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

IDLE = 0.4
SHORT: dict[str, Any] = {"idleTimeout": f"{IDLE * 1000:.0f}ms"}


def clock(after: timedelta) -> str:
    return f"{datetime.now(UTC) + after:%H:%M}"


def now(state: str) -> list[dict[str, str]]:
    """A schedule of which the present moment, and the next hour, is part."""
    return [{"from": clock(-timedelta(minutes=2)), "to": clock(timedelta(hours=1)), "state": state}]


def services(plan: Plan) -> None:
    websocket = {"command": [*PYTHON, str(APPS / "websocket_app.py")]}
    plan.echo("idle", **SHORT)
    plan.echo("used", **SHORT)
    plan.echo("min-awake", idleTimeout="100ms", sleep={"minAwake": "1500ms"})
    plan.echo("stop", sleep={"mode": "Stop"})
    plan.echo("pause", sleep={"mode": "Pause"})
    plan.echo("recreate", sleep={"mode": "Recreate"})
    plan.echo("never", idleTimeout="50ms", sleep={"mode": "Never"})
    plan.service("aging", app=websocket, idleTimeout="200ms", sleep={"maxConnectionAge": "600ms"})
    plan.service("ageless", app=websocket, idleTimeout="200ms")
    veto = plan.folder / "veto"
    veto.touch()
    plan.echo("veto", app={"env": [{"name": "VETO", "value": str(veto)}]}, sleep={"veto": {"http": {"path": "/veto"}}}, idleTimeout="100ms")
    plan.gated("suspended", suspend=True)
    plan.gated("to-be-suspended")
    plan.echo("awake-to-be-suspended")
    plan.echo("scheduled", schedule=now("Awake"), idleTimeout="50ms")
    plan.echo("to-be-scheduled-asleep")
    plan.echo("pinned", idleTimeout="100ms")
    for name in ("agent", "path", "method"):
        ignore = {"agent": {"userAgents": ["Uptime"]}, "path": {"paths": ["/healthz"]}, "method": {"methods": ["HEAD", "PURGE"]}}[name]
        plan.echo(f"ignore-{name}", ignore=ignore, **SHORT)
    plan.echo("ignore-long", ignore={"userAgents": ["Uptime"]}, **SHORT)
    plan.echo("ignore-network", ignore={"cidrs": ["127.0.0.0/8"]})
    plan.echo("ignore-other-network", ignore={"cidrs": ["192.0.2.0/24"]})
    plan.echo("ignore-answer", ignore={"paths": ["/healthz"], "answer": {"status": 204, "body": ""}})
    plan.echo("ignore-text", ignore={"paths": ["/healthz"], "answer": {"status": 200, "body": "sleeping, and well"}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        yield stand


async def until_blocked(stand: Standing, name: str, reason: str) -> dict[str, Any]:
    """Wait until the service says that this keeps it awake."""
    return await stand.installation.until(name, lambda record: condition(record, "SleepBlocked")[:2] == ("True", reason))


async def until_ended(stand: Standing, name: str) -> float:
    """Wait until the app was asked to end; returns when, on the monotonic clock."""
    await stand.installation.until(name, lambda _: stand.noted(name, event="end") != [])
    return float(stand.noted(name, event="end")[-1]["at"])


async def test_it_sleeps_no_earlier_than_the_idle_timeout_after_its_last_request(stand):
    for number in range(3):
        assert (await ask(stand.port, "idle.test", f"/{number}")).status == 200
    ended = await until_ended(stand, "idle")
    last = stand.noted("idle", event="request")[-1]
    assert last["path"] == "/2"
    assert ended - last["at"] >= IDLE
    record = await stand.installation.until_serving("idle", "Asleep")
    assert (record["drain"]["reason"], record["drain"]["forced"]) == ("Idle", False)


async def test_a_request_that_takes_long_keeps_it_awake_and_the_time_begins_at_its_end(stand):
    held = asyncio.create_task(ask(stand.port, "used.test", "/wait"))
    await stand.installation.until("used", lambda _: any(line["path"] == "/wait" for line in stand.noted("used", event="request")))
    # Another service that is asked later falls asleep in the meantime.
    assert (await ask(stand.port, "ignore-other-network.test")).status == 200
    assert (await ask(stand.port, "idle.test", "/meanwhile")).status == 200
    while len(stand.noted("idle", event="end")) < 2:
        await stand.installation.until_serving("idle", "Asleep")
    assert stand.noted("used", event="end") == []
    released = asyncio.get_running_loop().time()
    assert (await ask(stand.installation.instance("used")["port"], "used.test", "/release")).status == 200
    assert (await held).status == 200
    assert await until_ended(stand, "used") - released >= IDLE


async def test_it_stays_awake_for_the_least_time(stand):
    assert (await ask(stand.port, "min-awake.test")).status == 200
    record = await until_blocked(stand, "min-awake", "MinAwake")
    assert record["serving"] == "Awake"
    ended = await until_ended(stand, "min-awake")
    assert ended - stand.noted("min-awake", event="start")[0]["at"] >= 1.5


@pytest.mark.parametrize("mode, starts", [("stop", 2), ("recreate", 2), ("pause", 1)])
async def test_modes_of_sleep(stand, mode, starts):
    first = (await ask(stand.port, f"{mode}.test")).json()["pid"]
    token = await stand.installation.ask(mode, "sleep")
    await stand.installation.until(mode, lambda record: record["handled"]["sleep"] == token and record["serving"] == "Asleep")
    if mode == "pause":
        await stand.installation.until(mode, lambda _: psutil.Process(first).status() == psutil.STATUS_STOPPED)
    second = (await ask(stand.port, f"{mode}.test")).json()["pid"]
    assert (first == second) == (mode == "pause")
    assert stand.starts(mode) == starts


async def test_what_never_sleeps_is_woken_and_stays(stand):
    assert (await ask(stand.port, "never.test")).status == 200
    record = await until_blocked(stand, "never", "NeverSleeps")
    assert record["serving"] == "Awake"


async def everything(websocket: Any) -> None:
    """Read until the connection is gone."""
    while True:
        await websocket.recv()


async def test_old_connections_are_cut_by_a_sleep_only_where_that_was_said(stand):
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed
    from websockets.typing import Subprotocol

    where: dict[str, Any] = {"host": "127.0.0.1", "port": stand.port, "subprotocols": [Subprotocol("chat")], "proxy": None}
    async with connect("ws://ageless.test/", **where) as ageless, connect("ws://aging.test/", **where) as aging:
        await aging.send("hello")
        await stand.installation.until_serving("aging", "Asleep")
        with pytest.raises(ConnectionClosed):
            await everything(aging)
        await ageless.recv()
        await ageless.send("still here")
        assert await ageless.recv() == "still here"
        assert condition(stand.installation.status("ageless") or {}, "Awake")[0] == "True"


async def test_an_app_that_objects_stays_awake(stand):
    assert (await ask(stand.port, "veto.test")).status == 200
    record = await until_blocked(stand, "veto", "AppVeto")
    assert record["serving"] == "Awake"
    assert stand.noted("veto", event="end") == []
    (stand.ledger.parent / "veto").unlink()
    await until_ended(stand, "veto")


async def test_what_is_suspended_is_never_woken(stand):
    for method in ("GET", "POST"):
        assert problem(await ask(stand.port, "suspended.test", "/", method, body=b"x"))[:2] == (503, "suspended")
    assert stand.installation.instance("suspended") is None


async def test_what_is_suspended_later_refuses_what_it_holds_and_puts_to_sleep_what_is_awake(stand):
    held = [asyncio.create_task(ask(stand.port, "to-be-suspended.test", "/", "POST", body=body)) for body in (None, b"body")]
    await stand.until_held(2)
    stand.change("to-be-suspended", suspend=True)
    assert [problem(await answer)[:2] for answer in held] == [(503, "suspended")] * 2
    assert (await ask(stand.port, "awake-to-be-suspended.test")).status == 200
    stand.change("awake-to-be-suspended", suspend=True)
    await until_ended(stand, "awake-to-be-suspended")
    record = await stand.installation.until_serving("awake-to-be-suspended", "Asleep")
    assert record["drain"]["reason"] == "Suspended"
    assert problem(await ask(stand.port, "awake-to-be-suspended.test"))[:2] == (503, "suspended")
    stand.change("awake-to-be-suspended", suspend=False)
    while (await ask(stand.port, "awake-to-be-suspended.test")).status != 200:
        pass


async def test_the_schedule_wakes_and_keeps_awake(stand):
    record = await until_blocked(stand, "scheduled", "ScheduledAwake")
    assert (record["serving"], record["woken_by"]) == ("Awake", "Schedule")
    assert {line["agent"] for line in stand.noted("scheduled", event="request")} == {"wakedock-probe"}


async def test_the_schedule_puts_to_sleep_what_is_in_use_and_a_request_wakes_it_again(stand):
    name = "to-be-scheduled-asleep"
    assert (await ask(stand.port, f"{name}.test")).status == 200
    await stand.installation.until_serving(name, "Awake")
    stand.change(name, schedule=now("Asleep"))
    await until_ended(stand, name)
    record = await stand.installation.until_serving(name, "Asleep")
    assert (record["drain"]["reason"], record["drain"]["forced"]) == ("Scheduled", True)
    assert (await ask(stand.port, f"{name}.test")).status == 200
    await stand.installation.until_serving(name, "Awake")
    assert stand.starts(name) == 2


async def test_a_pin_wakes_and_keeps_awake_until_it_is_taken_off(stand):
    code, _, errors = await stand.installation.run("pin", "pinned", "--for", "1h")
    assert code == 0, errors
    record = await until_blocked(stand, "pinned", "Pinned")
    assert (record["serving"], record["woken_by"]) == ("Awake", "Pin")
    assert stand.noted("pinned", event="end") == []
    code, _, errors = await stand.installation.run("unpin", "pinned")
    assert code == 0, errors
    await until_ended(stand, "pinned")


@pytest.mark.parametrize(
    "name, request_",
    [
        ("ignore-agent", {"headers": [("User-Agent", "Mozilla/5.0 (compatible; uptimeRobot/2.0)")]}),
        ("ignore-path", {"target": "/healthz/live"}),
        ("ignore-method", {"method": "PURGE"}),
    ],
)
async def test_ignored_requests_neither_wake_nor_keep_awake(stand, name, request_):
    asleep = await ask(stand.port, f"{name}.test", **request_)
    assert (asleep.status, asleep.header("content-type")) == (503, "application/problem+json")
    assert (asleep.json()["state"], asleep.json()["status"]) == ("asleep", 503)
    assert stand.installation.instance(name) is None
    assert (await ask(stand.port, f"{name}.test", "/counts")).status == 200
    served = 0
    while (answer := await ask(stand.port, f"{name}.test", **request_)).status == 200:
        served += 1
    assert served > 0
    assert answer.json()["state"] == "asleep"
    counted = next(line for line in stand.noted(name, event="request") if line["path"] == "/counts")
    assert await until_ended(stand, name) - counted["at"] >= IDLE
    assert stand.starts(name) == 1


async def test_a_sleep_waits_for_an_ignored_request_in_flight_and_serves_all_others_meanwhile(stand):
    def served(path: str) -> bool:
        return any(line["path"] == path for line in stand.noted("ignore-long", event="request"))

    name, installation = "ignore-long", stand.installation
    assert (await ask(stand.port, f"{name}.test", "/before")).status == 200
    ignored = asyncio.create_task(ask(stand.port, f"{name}.test", "/wait", headers=[("User-Agent", "Uptime")]))
    await installation.until(name, lambda _: served("/wait"))
    drained = await installation.until_serving(name, "Draining")
    assert (await ask(stand.port, f"{name}.test", "/meanwhile")).status == 200
    await installation.until(name, lambda record: record["epoch"] == drained["epoch"] + 1 and record["serving"] == "Awake")
    await installation.until_serving(name, "Draining")
    assert stand.noted(name, event="end") == []
    assert (await ask(installation.instance(name)["port"], f"{name}.test", "/release")).status == 200
    assert (await ignored).status == 200
    await until_ended(stand, name)
    record = await installation.until_serving(name, "Asleep")
    assert record["epoch"] == drained["epoch"] + 3
    assert stand.starts(name) == 1


async def test_ignored_networks(stand):
    assert (await ask(stand.port, "ignore-network.test")).json()["state"] == "asleep"
    assert stand.installation.instance("ignore-network") is None
    assert (await ask(stand.port, "ignore-other-network.test")).status == 200


async def test_the_answer_of_ignored_requests_can_be_chosen(stand):
    nothing = await ask(stand.port, "ignore-answer.test", "/healthz")
    assert (nothing.status, nothing.body) == (204, b"")
    text = await ask(stand.port, "ignore-text.test", "/healthz", "POST", body=b"unread")
    assert (text.status, text.body) == (200, b"sleeping, and well")
    assert text.header("content-type") == "text/plain; charset=utf-8"
    assert stand.installation.instance("ignore-text") is None


def chain(plan: Plan) -> None:
    plan.echo("shop", dependsOn=["api"], **SHORT)
    plan.echo("api", dependsOn=["db"], **SHORT)
    plan.gated("db", **SHORT, hosts=[])
    plan.services["db"]["app"]["command"].append("$(PORT)")
    plan.echo("left", dependsOn=["shared"])
    plan.echo("right", dependsOn=["shared"])
    plan.echo("shared", idleTimeout="100ms")
    plan.echo("together", dependsOn=[{"name": "slow", "wait": "Started"}])
    plan.gated("slow")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dependent() -> AsyncIterator[Standing]:
    async with standing(chain) as stand:
        yield stand


async def test_a_chain_starts_from_its_end_and_sleeps_from_its_beginning(dependent):
    request = asyncio.create_task(ask(dependent.port, "shop.test", "/x"))
    await dependent.installation.until("db", lambda _: dependent.starts("db") == 1)
    assert (dependent.starts("api"), dependent.starts("shop")) == (0, 0)
    dependent.gates["db"].open()
    assert (await request).status == 200
    assert [line["app"] for line in dependent.noted("shop", "api", "db", event="start")] == ["db", "api", "shop"]
    await until_ended(dependent, "db")
    assert [line["app"] for line in dependent.noted("shop", "api", "db", event="end")] == ["shop", "api", "db"]


async def test_a_shared_dependency_stays_while_anybody_needs_it_and_sleeps_last(dependent):
    assert (await ask(dependent.port, "left.test")).status == 200
    assert (await ask(dependent.port, "right.test")).status == 200
    assert dependent.starts("shared") == 1
    await dependent.sleep("left")
    record = await until_blocked(dependent, "shared", "DependantAwake")
    assert "default/right" in condition(record, "SleepBlocked")[2]
    assert dependent.noted("shared", event="end") == []
    assert (await ask(dependent.port, "left.test")).status == 200
    await dependent.sleep("shared")
    ends = [line["app"] for line in dependent.noted("left", "right", "shared", event="end")]
    assert ends[0] == "left"
    assert sorted(ends[1:3]) == ["left", "right"]
    assert ends[3:] == ["shared"]


async def test_a_shared_dependency_sleeps_under_steady_requests_and_takes_all_that_need_it_down_once(dependent):
    await ask(dependent.port, "left.test")
    await ask(dependent.port, "right.test")
    before = len(dependent.noted("left", "right", "shared", event="end"))
    done = asyncio.Event()

    async def client(host: str) -> set[int]:
        answers = set()
        while not done.is_set():
            answers.add((await ask(dependent.port, host)).status)
        return answers

    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(client(f"{name}.test")) for name in ("left", "right", "left", "right")]
        code, out, _ = await dependent.installation.run("sleep", "shared")
        await dependent.installation.until_serving("right", "Awake")
        await dependent.installation.until_serving("left", "Awake")
        done.set()
    assert code == 0, out
    assert [client.result() for client in clients] == [{200}] * 4
    ends = [line["app"] for line in dependent.noted("left", "right", "shared", event="end")][before:]
    assert (sorted(ends[:2]), ends[2:]) == (["left", "right"], ["shared"])


async def test_what_need_not_wait_starts_together_with_what_it_depends_on(dependent):
    assert (await ask(dependent.port, "together.test")).status == 200
    assert dependent.noted("slow", event="request") == []
    dependent.gates["slow"].open()
    await dependent.installation.until_serving("slow", "Awake")
    assert dependent.starts("slow") == 1


async def test_what_depends_on_itself_or_on_nobody_is_refused(tmp_path: Path):
    def services(plan: Plan) -> None:
        plan.echo("egg", dependsOn=["hen"])
        plan.echo("hen", dependsOn=["egg"])
        plan.echo("widow", dependsOn=["nobody"])

    async with standing(services) as stand:
        for name in ("egg", "hen", "widow"):
            assert (await ask(stand.port, f"{name}.test")).status == 404
        code, out, _ = await stand.installation.run("check", "-f", str(stand.installation.definitions), "-o", "json")
        assert code != 0
        assert {Path(each["file"]).stem for each in json.loads(out)} == {"egg", "hen", "widow"}
