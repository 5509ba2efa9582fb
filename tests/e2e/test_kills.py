"""Any process may be killed at any moment: what is held is answered, what is awake serves on, the next start takes over what is there."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.connection import Answer, ask
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


async def until_started(installation: Installation, name: str) -> None:
    await installation.until(name, lambda _: installation.instance(name) is not None)


async def until_awake(installation: Installation, name: str) -> None:
    await installation.until_serving(name, "Awake")


async def until_asked(installation: Installation, name: str) -> None:
    """At once: the questions may not even have come."""


@pytest.mark.parametrize("moment", [until_asked, until_held, until_started, until_awake], ids=lambda moment: moment.__name__)
async def test_requests_that_are_held_when_wakedock_is_killed_are_answered_after_its_return(
    moment: Callable[[Installation, str], Any],
):
    async with standing(lambda plan: behaving(plan, "late", "late")) as stand:
        held = mixed(stand.port, "late")
        await moment(stand.installation, "late")
        await stand.installation.kill()
        await stand.installation.start()
        assert served_by(await asyncio.gather(*held)) == {stand.noted("late", event="start")[0]["pid"]}
        assert stand.starts("late") == 1


async def test_wakedock_killed_again_and_again_while_it_holds(tmp_path: Path):
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
        # As if nobody had asked for it for an hour, part of which WakeDock was away.
        long_ago = time.time() - 3600
        os.utime(installation.runtime / "steer" / "default.forgotten", (long_ago, long_ago))

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
        os.kill(caddy, 9)
        await installation.until_logged("caddy started", since=seen)
        assert installation.caddy_pid() != caddy
        assert served_by([await ask(stand.port, "awake.test")]) == before
        assert (await installation.until_serving("awake", "Awake"))["epoch"] == epoch
        assert served_by([await ask(stand.port, "asleep.test", "/", "POST", body=b"x" * 5000)])


async def test_an_app_that_is_killed_from_outside_is_started_again_by_the_next_request():
    async with standing(lambda plan: behaving(plan, "victim", "fine")) as stand:
        (first,) = served_by([await ask(stand.port, "victim.test")])
        await stand.installation.until_serving("victim", "Awake")
        os.kill(first, 9)
        await stand.installation.until("victim", lambda _: stand.installation.instance("victim") is None)
        assert len(served_by(await asyncio.gather(*mixed(stand.port, "victim")))) == 1
        assert stand.starts("victim") == 2


async def test_an_app_that_died_while_wakedock_was_away_is_started_again_by_the_next_request():
    async with standing(lambda plan: behaving(plan, "victim", "fine")) as stand:
        (first,) = served_by([await ask(stand.port, "victim.test")])
        await stand.installation.until_serving("victim", "Awake")
        await stand.installation.kill()
        os.kill(first, 9)
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
