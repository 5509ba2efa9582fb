"""Any process may be killed at any moment: what is held is answered, what is awake serves on, the next start takes over what is there."""

import asyncio
import json
import os
import select
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.connection import Answer, ask, connected
from tests.e2e.failing import behaving, problem, running, until_nothing_runs
from tests.e2e.installation import Installation
from tests.e2e.standing import Plan, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]


def mixed(port: int, name: str, count: int = 3) -> list[asyncio.Task[Answer]]:
    """GETs, and POSTs with a body, all under way."""
    return [
        asyncio.create_task(ask(port, f"{name}.test", f"/{number}", method, body=b"x" * 5000 if method == "POST" else None))
        for number in range(count)
        for method in ("GET", "POST")
    ]


def served_by(answers: list[Answer]) -> set[int]:
    """The processes that answered, all of them with what was asked of them."""
    assert [answer.status for answer in answers] == [200] * len(answers), answers
    words = [answer.body.decode().split() for answer in answers]
    assert all(length == ("5000" if method == "POST" else "0") for method, _, length, _ in words)
    return {int(pid) for *_, pid in words}


async def until_held(installation: Installation, name: str) -> None:
    await installation.until(name, lambda record: any(entry["holding"] for entry in record["gateways"]))


async def until_begun(installation: Installation, name: str) -> None:
    await installation.until(name, lambda _: installation.instance(name) is not None)


async def until_started(installation: Installation, name: str) -> None:
    await installation.until(name, lambda _: (installation.instance(name) or {}).get("state") == "running")


async def until_awake(installation: Installation, name: str) -> None:
    await installation.until_serving(name, "Awake")


async def until_asked(installation: Installation, name: str) -> None:
    """At once: the questions may not even have come."""


@pytest.mark.parametrize("moment", [until_asked, until_held, until_begun, until_started, until_awake], ids=lambda moment: moment.__name__)
async def test_requests_that_are_held_when_wakedock_is_killed_are_answered_after_its_return(
    moment: Callable[[Installation, str], Any],
):
    async with standing(lambda plan: behaving(plan, "late", "late")) as stand:
        held = mixed(stand.port, "late")
        await moment(stand.installation, "late")
        await stand.installation.kill()
        await stand.installation.start()
        (app,) = served_by(await asyncio.gather(*held))
        *strays, last = (line["pid"] for line in stand.noted("late", event="start"))
        assert app == last
        assert not any(running(stray) for stray in strays)
        # A start that was not on record yet is ended and done again: no request has reached it.
        assert len(strays) <= (moment is not until_started and moment is not until_awake)


async def test_requests_that_are_held_since_before_the_routes_changed_are_answered_as_well():
    """Caddy no longer tries again for them by itself."""
    async with standing(lambda plan: behaving(plan, "late", "late")) as stand:
        held = mixed(stand.port, "late")
        await until_held(stand.installation, "late")
        stand.installation.define("extra", hosts=["extra.test"], app={"command": ["sleep", "1000"]})
        await stand.installation.until_routed("extra.test")
        assert not any(each.done() for each in held)
        await stand.installation.kill()
        await stand.installation.start()
        served_by(await asyncio.gather(*held))


async def killed(pid: int) -> None:
    """SIGKILL, and wait for the end: until then the kernel still accepts connections for the process."""
    watched = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(select.select, [watched], [], [])
    finally:
        os.close(watched)


async def test_wakedock_killed_again_and_again_while_it_holds():
    async with standing(lambda plan: behaving(plan, "late", "late")) as stand:
        held = mixed(stand.port, "late")
        for _ in range(3):
            await stand.installation.kill()
            await stand.installation.start()
        assert len(served_by(await asyncio.gather(*held))) == 1
        assert stand.starts("late") == 1


def apps(plan: Plan) -> None:
    behaving(plan, "awake", "fine")
    behaving(plan, "pinned", "fine", idleTimeout="1s")
    behaving(plan, "forgotten", "fine", idleTimeout="30m")
    behaving(plan, "asleep", "fine")


async def test_the_next_start_takes_over_what_it_finds():
    async with standing(apps) as stand:
        installation, names = stand.installation, ("awake", "pinned", "forgotten")
        assert (await installation.run("pin", "pinned", "--for", "2h"))[0] == 0
        served = {name: served_by([await ask(stand.port, f"{name}.test")]) for name in names}
        before = {name: (await installation.until_serving(name, "Awake"))["epoch"] for name in names}
        caddy = installation.caddy_pid()
        await installation.kill()
        for name in names:
            assert served_by([await ask(stand.port, f"{name}.test", "/", "POST", body=b"x" * 5000)]) == served[name], "without WakeDock"
        cold = asyncio.create_task(ask(stand.port, "asleep.test"))
        # As if it had been awake, and nobody had asked for it, for an hour, part of which WakeDock was away.
        long_ago = time.time() - 3600
        os.utime(installation.runtime / "steer" / "default.forgotten", (long_ago, long_ago))
        path = installation.runtime / "status" / "default.forgotten.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"since": datetime.fromtimestamp(long_ago, UTC).isoformat()}))

        await installation.start()
        assert (await cold).status == 200, "held while WakeDock was away"
        record = await until_nothing_runs(installation, "forgotten")
        assert (record["epoch"], record["drain"]["reason"]) == (before["forgotten"] + 2, "Idle"), "its idle clock went on"
        assert installation.caddy_pid() == caddy
        for name in ("awake", "pinned"):
            assert served_by([await ask(stand.port, f"{name}.test")]) == served[name]
            record = await installation.until_serving(name, "Awake")
            assert record["epoch"] == before[name], "nothing slept and nothing woke"
        assert [stand.starts(name) for name in (*names, "asleep")] == [1, 1, 1, 1]
        blocked = next(each for each in record["conditions"] if each["type"] == "SleepBlocked")
        assert (blocked["status"], blocked["reason"]) == ("True", "Pinned")


async def test_a_killed_caddy_is_started_again_and_the_apps_do_not_notice():
    async with standing(lambda plan: (behaving(plan, "awake", "fine"), behaving(plan, "asleep", "fine"))) as stand:
        installation = stand.installation
        before = served_by([await ask(stand.port, "awake.test")])
        epoch = (await installation.until_serving("awake", "Awake"))["epoch"]
        caddy, seen = installation.caddy_pid(), installation.log.stat().st_size
        os.kill(caddy, signal.SIGKILL)
        await installation.until_logged("caddy started", since=seen)
        assert installation.caddy_pid() != caddy
        assert await stand.metric("wakedock_caddy_restarts_total") == 1
        assert served_by([await ask(stand.port, "awake.test")]) == before
        assert (await installation.until_serving("awake", "Awake"))["epoch"] == epoch
        assert served_by([await ask(stand.port, "asleep.test", "/", "POST", body=b"x" * 5000)])


async def test_an_app_that_is_killed_from_outside_is_started_again_by_the_next_request():
    async with standing(lambda plan: behaving(plan, "victim", "fine")) as stand:
        (first,) = served_by([await ask(stand.port, "victim.test")])
        await stand.installation.until_serving("victim", "Awake")
        os.kill(first, signal.SIGKILL)
        await stand.installation.until("victim", lambda _: stand.installation.instance("victim") is None)
        assert len(served_by(await asyncio.gather(*mixed(stand.port, "victim")))) == 1
        assert stand.starts("victim") == 2


async def test_an_app_that_died_while_wakedock_was_away_is_started_again_by_the_next_request():
    async with standing(lambda plan: behaving(plan, "victim", "fine")) as stand:
        (first,) = served_by([await ask(stand.port, "victim.test")])
        await stand.installation.until_serving("victim", "Awake")
        await stand.installation.kill()
        await killed(first)
        held = mixed(stand.port, "victim")
        await stand.installation.start()
        assert len(served_by(await asyncio.gather(*held))) == 1
        assert stand.starts("victim") == 2


@pytest.mark.parametrize("on_exit", ["Keep", "Sleep"])
async def test_sigterm_answers_what_is_held_and_leaves_the_apps_as_they_are_told(on_exit: str):
    async with standing(lambda plan: behaving(plan, "late", "late", sleep={"onExit": on_exit})) as stand:
        caddy = stand.installation.caddy_pid()
        held = mixed(stand.port, "late")
        await until_held(stand.installation, "late")
        code = await stand.installation.terminate()
        (app,) = served_by(await asyncio.gather(*held))
        assert code == 0, stand.installation.log.read_text()
        assert not running(caddy)
        assert running(app) == (on_exit == "Keep")
        record = stand.installation.status("late")
        assert record is not None
        assert record["serving"] == ("Awake" if on_exit == "Keep" else "Asleep")
        await stand.installation.start()
        assert len(served_by(await asyncio.gather(*mixed(stand.port, "late")))) == 1
        assert stand.starts("late") == (1 if on_exit == "Keep" else 2)


async def test_sigterm_refuses_nothing_that_fails_with_a_cause():
    async with standing(lambda plan: behaving(plan, "hangs", "hangs", wake={"timeout": "2s"})) as stand:
        held = mixed(stand.port, "hangs", 1)
        await until_held(stand.installation, "hangs")
        assert await stand.installation.terminate() == 0
        assert [problem(await each) for each in held] == [(504, "timed-out", "NoAnswer")] * 2


async def test_sigterm_lets_what_is_in_flight_end():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        assert served_by([await ask(stand.port, "web.test")])
        in_flight = asyncio.create_task(ask(stand.port, "web.test", "/slow/0.5", "POST", body=b"x" * 5000))
        await stand.installation.until("web", lambda _: stand.noted("web", event="slow") != [])
        assert await stand.installation.terminate() == 0
        assert served_by([await in_flight])


async def test_a_caddy_that_died_while_wakedock_was_away_is_replaced():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        installation = stand.installation
        before = served_by([await ask(stand.port, "web.test")])
        epoch = (await installation.until_serving("web", "Awake"))["epoch"]
        caddy = installation.caddy_pid()
        await installation.kill()
        os.kill(caddy, signal.SIGKILL)
        await installation.start()
        assert installation.caddy_pid() != caddy
        assert served_by([await ask(stand.port, "web.test")]) == before
        assert (await installation.until_serving("web", "Awake"))["epoch"] == epoch


async def test_a_frozen_caddy_is_not_an_idle_one():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        installation = stand.installation
        before = served_by([await ask(stand.port, "web.test")])
        await installation.until_serving("web", "Awake")
        in_flight = asyncio.create_task(ask(stand.port, "web.test", "/slow/0.3", "POST", body=b"x" * 5000))
        await installation.until("web", lambda _: stand.noted("web", event="slow") != [])
        caddy = installation.caddy_pid()
        os.kill(caddy, signal.SIGSTOP)
        try:
            await installation.ask("web", "sleep")
            await installation.until_serving("web", "Draining")
            # Longer than the app takes to answer and a quiet moment: whoever took silence for idleness would have stopped it by now.
            await asyncio.sleep(0.8)
            thawed = datetime.now(UTC)
        finally:
            os.kill(caddy, signal.SIGCONT)
        assert served_by([await in_flight]) == before
        record = await until_nothing_runs(installation, "web")
        assert datetime.fromisoformat(record["since"]) > thawed


async def test_a_wake_whose_client_left_is_finished_all_the_same():
    async with standing(lambda plan: behaving(plan, "late", "late", idleTimeout="1s")) as stand:
        installation = stand.installation
        async with connected(stand.port) as client:
            await client.begin("GET", "/", host="late.test")
            await installation.until("late", lambda _: installation.instance("late") is not None)
        record = await installation.until_serving("late", "Awake")
        assert (record["woken_by"], record["failures"]) == ("Request", 0)
        record = await until_nothing_runs(installation, "late")
        assert record["drain"]["reason"] == "Idle"
        assert stand.starts("late") == 1
