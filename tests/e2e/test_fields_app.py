"""What an app is started with, when it counts as ready, how many requests it gets at once, and how it is ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.e2e.connection import ask
from tests.e2e.failing import problem
from tests.e2e.standing import Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

OTHER_USER = "nobody" if os.geteuid() == 0 else str(os.geteuid())


def services(plan: Plan) -> None:
    definitions = plan.folder / "services"
    (definitions / "work").mkdir(parents=True)
    (definitions / "app.env").write_text("# a file of variables\nFROM_FILE=file\nBOTH=file\nQUOTED='two words'\n")
    plan.echo("db")
    plan.echo(
        "surroundings",
        dependsOn=["db"],
        app={
            "env": [
                {"name": "BOTH", "value": "own"},
                {"name": "OWN_URL", "value": "http://127.0.0.1:$(PORT)/"},
                {"name": "DB_URL", "value": "http://127.0.0.1:$(PORT:db)/"},
                {"name": "LITERAL", "value": "$$(PORT) {env.HOME} {file./etc/hostname}"},
            ],
            "envFrom": [{"file": "app.env"}],
            "workingDir": "work",
        },
    )
    plan.services["surroundings"]["app"]["command"] += ["--port=$(PORT)", "--db=$(PORT:db)"]
    plan.service(
        "other-user",
        hosts=[],
        app={"command": ["sh", "-c", "id -u; echo $HOME $USER $LOGNAME; exec sleep 1h"], "user": OTHER_USER, "workingDir": "/"},
        wake={"readiness": {"command": {"command": ["true"]}}},
    )
    plan.echo("signalled", app={"stopSignal": "SIGUSR1"})
    plan.echo("stubborn", app={"env": [{"name": "STUBBORN", "value": "yes"}]}, sleep={"gracePeriod": "200ms"})
    plan.echo("http-ready", wake={"readiness": {"http": {"path": "/status/418", "statuses": [418]}}})
    plan.echo("never-ready", wake={"timeout": "700ms", "readiness": {"http": {"path": "/status/503"}}})
    broken = {"env": [{"name": "BROKEN", "value": "yes"}]}
    plan.echo("tcp-ready", app=broken, wake={"readiness": {"tcp": {}}})
    plan.echo("broken", app=broken, wake={"timeout": "700ms"})
    script = f"test -e {plan.folder}/ready && test $PORT = $0"
    plan.echo("command-ready", wake={"readiness": {"command": {"command": ["sh", "-c", script, "$(PORT)"], "timeout": "10s"}}})
    plan.gated("late", wake={"timeout": "500ms"})
    plan.echo("two-at-once", maxConnections=2)
    plan.service("twice", app={"command": ["sleep", "1h"]}, replicas=2)
    plan.service("elsewhere", targetRef={"name": "deployment"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        yield stand


async def test_environment_arguments_and_folder(stand):
    answer = await ask(stand.port, "surroundings.test", "/environment")
    assert answer.status == 200
    found, values = answer.json(), answer.json()["environment"]
    own, db = stand.installation.instance("surroundings"), stand.installation.instance("db")
    assert values["PORT"] == str(own["port"])
    assert values["OWN_URL"] == f"http://127.0.0.1:{own['port']}/"
    assert values["DB_URL"] == f"http://127.0.0.1:{db['port']}/"
    assert found["arguments"][-2:] == [f"--port={own['port']}", f"--db={db['port']}"]
    assert values["LITERAL"] == "$(PORT) {env.HOME} {file./etc/hostname}"
    assert (values["FROM_FILE"], values["BOTH"], values["QUOTED"]) == ("file", "own", "two words")
    assert values["PATH"] == os.environ["PATH"]
    assert not [name for name in values if name.startswith("WAKEDOCK_") and name != "WAKEDOCK_INSTANCE"]
    assert found["folder"] == str(stand.installation.definitions / "work")
    assert found["uid"] == os.geteuid()


async def test_another_user(stand):
    await stand.installation.ask("other-user", "wake")
    await stand.installation.until_serving("other-user", "Awake")
    import pwd

    user = pwd.getpwnam(OTHER_USER) if OTHER_USER == "nobody" else pwd.getpwuid(os.geteuid())
    output = stand.installation.data / "logs" / "default.other-user.log"
    await stand.installation.until("other-user", lambda _: output.read_text().count("\n") == 2)
    assert output.read_text().splitlines() == [str(user.pw_uid), f"{user.pw_dir} {user.pw_name} {user.pw_name}"]


async def test_the_signal_that_asks_the_app_to_end(stand):
    assert (await ask(stand.port, "signalled.test")).status == 200
    await stand.sleep("signalled")
    assert [line["signal"] for line in stand.noted("signalled", event="end")] == ["SIGUSR1"]


async def test_an_app_that_does_not_end_is_killed_after_the_grace_period(stand):
    pid = (await ask(stand.port, "stubborn.test")).json()["pid"]
    assert stand.installation.instance("stubborn")["grace"] == 0.2
    await stand.sleep("stubborn")
    assert not psutil.pid_exists(pid)
    assert stand.noted("stubborn", event="end") == []


async def test_ready_at_the_status_that_was_declared(stand):
    assert (await ask(stand.port, "http-ready.test", "/x")).status == 200
    paths = [(line["path"], line["agent"]) for line in stand.noted("http-ready", event="request")]
    assert paths == [("/status/418", "wakedock-probe"), ("/x", "")]


@pytest.mark.parametrize("name", ["never-ready", "broken"])
async def test_an_app_that_answers_wrongly_is_not_ready(stand, name):
    assert problem(await ask(stand.port, f"{name}.test", "/x")) == (504, "timed-out", "Unhealthy")
    assert "/x" not in [line["path"] for line in stand.noted(name, event="request")]


async def test_an_app_that_does_not_answer_in_time(stand):
    assert problem(await ask(stand.port, "late.test", "/x", "POST", body=b"body")) == (504, "timed-out", "NoAnswer")
    installation = stand.installation
    record = await installation.until("late", lambda record: record["drain"] is not None and installation.instance("late") is None)
    assert (record["drain"]["reason"], record["drain"]["cause"]["reason"]) == ("StartFailed", "NoAnswer")
    stand.gates["late"].open()
    while (answer := await ask(stand.port, "late.test", "/y")).status != 200:
        assert problem(answer)[2] == "NoAnswer"
    assert "/x" not in [line["path"] for line in stand.noted("late", event="request")]


async def test_ready_when_it_accepts_connections(stand):
    assert (await ask(stand.port, "tcp-ready.test", "/x")).status == 200


async def test_ready_when_a_command_says_so(stand):
    held = asyncio.create_task(ask(stand.port, "command-ready.test", "/x"))
    await stand.until_held(1)
    await stand.installation.until("command-ready", lambda _: stand.starts("command-ready") == 1)
    assert not held.done()
    (Path(stand.ledger).parent / "ready").touch()
    assert (await held).status == 200
    assert [line["path"] for line in stand.noted("command-ready", event="request")] == ["/x"]


async def test_no_more_requests_at_once_than_the_app_takes(stand):
    def begun() -> int:
        return len([line for line in stand.noted("two-at-once", event="request") if line["path"] == "/wait"])

    waiting = [asyncio.create_task(ask(stand.port, "two-at-once.test", "/wait")) for _ in range(6)]
    for number in (2, 4, 6):
        await stand.installation.until("two-at-once", lambda _, number=number: begun() == number)
        # Straight to the app: at the gateway this request would wait too.
        port = stand.installation.instance("two-at-once")["port"]
        assert (await ask(port, "two-at-once.test", "/release")).status == 200
    answers = await asyncio.gather(*waiting)
    assert [answer.status for answer in answers] == [200] * 6
    assert max(answer.json()["most"] for answer in answers) == 2


@pytest.mark.parametrize("name, field", [("twice", "spec.replicas"), ("elsewhere", "spec.targetRef")])
async def test_what_a_process_cannot_be_is_refused_with_the_reason(stand, name, field):
    assert stand.installation.status(name) is None
    assert (await ask(stand.port, f"{name}.test")).status == 404
    code, out, _ = await stand.installation.run("check", "-f", str(stand.installation.definitions))
    assert code != 0
    assert any(f"{name}.yaml" in line and field in line for line in out.splitlines()), out


async def test_what_happens_to_apps_when_wakedock_ends():
    def services(plan: Plan) -> None:
        plan.echo("kept")
        plan.echo("put-to-sleep", sleep={"onExit": "Sleep"})

    async with standing(services) as stand:
        pids = {name: (await ask(stand.port, f"{name}.test")).json()["pid"] for name in ("kept", "put-to-sleep")}
        assert await stand.installation.terminate() == 0
        assert stand.installation.instance("put-to-sleep") is None
        assert not psutil.pid_exists(pids["put-to-sleep"])
        assert [line["signal"] for line in stand.noted(event="end")] == [signal.SIGTERM.name]
        assert psutil.Process(pids["kept"]).is_running()
        assert (stand.installation.status("kept") or {})["serving"] == "Awake"
