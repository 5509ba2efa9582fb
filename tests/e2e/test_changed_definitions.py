"""Definitions that change under load, break, vanish or cannot be read: what runs is never left in doubt, and nothing is left behind."""

import asyncio
import os
import shutil
import signal
from typing import Any

import pytest
import yaml

from tests.e2e.connection import ask
from tests.e2e.failing import behaving, condition, faulty, problem, running, until_nothing_runs
from tests.e2e.standing import Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]


def redefine(stand: Standing, name: str, behaviour: str = "fine", **spec: Any) -> None:
    """Replace the definition of a service at NAME.test."""
    app = {"command": faulty(name, stand.ledger, behaviour)} | spec.pop("app", {})
    stand.installation.define(name, **{"hosts": [f"{name}.test"], "idleTimeout": "1h", "app": app} | spec)


async def pid_of(stand: Standing, host: str) -> int:
    """The process that serves a host."""
    answer = await ask(stand.port, host, "/", "POST", body=b"x" * 1000)
    assert answer.status == 200, answer
    return int(answer.body.split()[3])


async def until_gone(stand: Standing, name: str) -> None:
    """Wait until nothing in the runtime directory tells of a service that has ended; nothing else of it may be left then."""
    installation = stand.installation
    await installation.until_logged("service ended", since=installation.began)
    await installation.until_removed(name)
    assert not [path for path in installation.data.rglob(f"default.{name}*") if path.parent.name in {"definitions", "wishes"}]
    assert not any(running(line["pid"]) for line in stand.noted(name, event="start"))


async def test_a_route_that_caddy_has_not_taken_yet_is_not_said_to_be_in_force():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        caddy = stand.installation.caddy_pid()
        os.kill(caddy, signal.SIGSTOP)
        redefine(stand, "new")
        pending = await stand.installation.until("new", lambda record: bool(record["conditions"]))
        assert condition(pending, "Routed")[:2] == ("False", "Pending")
        os.kill(caddy, signal.SIGCONT)
        await stand.installation.until("new", lambda record: condition(record, "Routed")[:2] == ("True", "Routed"))
        assert (await ask(stand.port, "new.test")).status == 200


async def test_a_changed_app_is_drained_and_woken_while_its_requests_wait():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        installation = stand.installation
        before = await pid_of(stand, "web.test")
        await installation.until_serving("web", "Awake")
        in_flight = asyncio.create_task(ask(stand.port, "web.test", "/slow/0.5", "POST", body=b"x"))
        await installation.until("web", lambda _: stand.noted("web", event="slow") != [])
        redefine(stand, "web", app={"env": [{"name": "CHANGED", "value": "yes"}]})
        record = await installation.until_serving("web", "Draining")
        assert (record["drain"]["reason"], record["drain"]["forced"]) == ("DefinitionChanged", True)
        held = [asyncio.create_task(pid_of(stand, "web.test")) for _ in range(5)]
        cut = await in_flight
        assert (cut.status, int(cut.body.split()[3])) == (200, before), "what was in flight ends where it began"
        (after,) = set(await asyncio.gather(*held))
        assert after != before
        assert not running(before)
        assert stand.starts("web") == 2


async def test_a_changed_app_that_is_awake_is_woken_without_a_request():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        before = await pid_of(stand, "web.test")
        await stand.installation.until_serving("web", "Awake")
        redefine(stand, "web", app={"env": [{"name": "CHANGED", "value": "yes"}]})
        await stand.installation.until("web", lambda record: record["woken_by"] == "DefinitionChanged")
        assert await pid_of(stand, "web.test") != before
        assert stand.starts("web") == 2


async def test_other_hosts_take_effect_without_touching_the_app():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        before = await pid_of(stand, "web.test")
        redefine(stand, "web", hosts=["other.test"])
        await stand.installation.until_routed("other.test")
        assert await pid_of(stand, "other.test") == before
        assert (await ask(stand.port, "web.test")).status == 404
        assert stand.starts("web") == 1


def two(plan: Plan) -> None:
    behaving(plan, "web", "fine")
    behaving(plan, "other", "fine")


async def test_a_broken_file_keeps_the_last_good_definition_over_a_restart_and_says_why():
    async with standing(two) as stand:
        installation = stand.installation
        before = await pid_of(stand, "web.test")
        file = installation.definitions / "web.yaml"
        document = yaml.safe_load(file.read_text())
        document["spec"]["idleTimeut"] = "5m"
        file.write_text(yaml.safe_dump(document))
        for restarted in (False, True):
            if restarted:
                await installation.kill()
                await installation.start()
            record = await installation.until("web", lambda record: condition(record, "Accepted")[0] == "False")
            _, reason, message = condition(record, "Accepted")
            assert reason == "KeptLastGood"
            assert "web.yaml" in message
            assert "idleTimeut" in message
            assert "idleTimeout" in message, "it suggests what was meant"
            assert await pid_of(stand, "web.test") == before
        redefine(stand, "web", idleTimeout="2h")
        await installation.until("web", lambda record: condition(record, "Accepted")[0] == "True")
        assert await pid_of(stand, "web.test") == before, "the idle time-out is not what the app is started with"


@pytest.mark.parametrize("state", ["asleep", "awake", "waking"])
async def test_a_removed_service_leaves_nothing(state: str):
    async with standing(
        lambda plan: (behaving(plan, "gone", "hangs" if state == "waking" else "fine"), behaving(plan, "stays", "fine"))
    ) as stand:
        installation = stand.installation
        stays = await pid_of(stand, "stays.test")
        if state == "awake":
            await pid_of(stand, "gone.test")
            await installation.until_serving("gone", "Awake")
        held = [
            asyncio.create_task(ask(stand.port, "gone.test", "/", "POST", body=b"x" * 1000)) for _ in range(3 if state == "waking" else 0)
        ]
        if held:
            await installation.until("gone", lambda record: any(entry["holding"] for entry in record["gateways"]))
            await installation.until("gone", lambda _: stand.starts("gone") == 1)
        (installation.definitions / "gone.yaml").unlink()
        assert [problem(answer) for answer in await asyncio.gather(*held)] == [(503, "removed", None)] * len(held)
        await until_gone(stand, "gone")
        await installation.until_routed("gone.test", routed=False)
        assert (await ask(stand.port, "gone.test")).status == 404
        assert await pid_of(stand, "stays.test") == stays


async def test_a_service_that_was_removed_while_wakedock_was_away_leaves_nothing():
    async with standing(lambda plan: behaving(plan, "gone", "fine")) as stand:
        await pid_of(stand, "gone.test")
        await stand.installation.until_serving("gone", "Awake")
        await stand.installation.kill()
        (stand.installation.definitions / "gone.yaml").unlink()
        await stand.installation.launch()
        await until_gone(stand, "gone")


async def test_a_folder_that_cannot_be_read_is_unknown_and_not_empty():
    def elsewhere(plan: Plan) -> None:
        behaving(plan, "web", "fine", app={"workingDir": "/"})
        behaving(plan, "other", "fine", app={"workingDir": "/"})

    async with standing(elsewhere) as stand:
        installation = stand.installation
        before = await pid_of(stand, "web.test")
        epoch = (await installation.until_serving("web", "Awake"))["epoch"]
        away = installation.definitions.with_name("away")
        installation.definitions.rename(away)
        for restarted in (False, True):
            if restarted:
                await installation.kill()
                await installation.start()
            assert await pid_of(stand, "web.test") == before
            record = installation.status("web")
            assert record is not None
            assert record["epoch"] == epoch
        assert (await ask(stand.port, "other.test")).status == 200, "what slept is woken as ever"
        shutil.copytree(away, installation.definitions)
        (installation.definitions / "other.yaml").unlink()
        await until_gone(stand, "other")
        assert await pid_of(stand, "web.test") == before


async def test_a_suspended_service_answers_503_and_never_wakes():
    async with standing(lambda plan: (behaving(plan, "web", "fine"), behaving(plan, "waking", "hangs"))) as stand:
        installation = stand.installation
        before = await pid_of(stand, "web.test")
        held = asyncio.create_task(ask(stand.port, "waking.test", "/", "POST", body=b"x"))
        await installation.until("waking", lambda _: stand.starts("waking") == 1)
        redefine(stand, "web", suspend=True)
        redefine(stand, "waking", "hangs", suspend=True)
        assert problem(await held) == (503, "suspended", None)
        for name in ("web", "waking"):
            await until_nothing_runs(installation, name)
            assert problem(await ask(stand.port, f"{name}.test")) == (503, "suspended", None)
            assert stand.starts(name) == 1
        assert not running(before)
        redefine(stand, "web")
        await installation.until("web", lambda record: condition(record, "Ready")[0] == "True")
        assert await pid_of(stand, "web.test") != before


async def test_a_service_that_comes_back_while_it_ends_is_served_again():
    async with standing(lambda plan: behaving(plan, "web", "fine")) as stand:
        installation = stand.installation
        before = await pid_of(stand, "web.test")
        await installation.until_serving("web", "Awake")
        in_flight = asyncio.create_task(ask(stand.port, "web.test", "/slow/0.7", "POST", body=b"x"))
        await installation.until("web", lambda _: stand.noted("web", event="slow") != [])
        (installation.definitions / "web.yaml").unlink()
        await installation.until("web", lambda record: record["drain"] is not None and record["drain"]["reason"] == "Removed")
        redefine(stand, "web")
        await installation.until_serving("web", "Asleep")
        # Its host is nobody's until the routes of the new one are in force.
        await stand.installation.until_routed("web.test")
        held = [asyncio.create_task(pid_of(stand, "web.test")) for _ in range(3)]
        assert int((await in_flight).body.split()[3]) == before, "what was in flight ends where it began"
        (after,) = set(await asyncio.gather(*held))
        assert after != before
        assert not running(before)
