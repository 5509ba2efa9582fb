"""Each command as a person types it: what it prints, and its exit code."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.api.world import ASKER, FAILURE, HELLO, NOW, World, blocked, failed
from tests.cli.conftest import Run
from wakedock_operator.cli.main import COMMANDS
from wakedock_operator.core.status import Condition, Drain, DrainReason, Handled, Serving, WakeReason
from wakedock_operator.errors import ExitCode, PortInUse
from wakedock_operator.ports.catalog import Problem
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key


async def wished(world: World, wish: str) -> str:
    """The token of a wish, once it was made."""
    async for snapshot in world.catalog.changes():
        token: str = getattr(snapshot.entries[HELLO].wishes, wish)
        if token:
            return token
    raise AssertionError


# Seeing


async def test_ls_shows_each_service_with_state_and_reason(run: Run, running: Path, world: World):
    world.catalog.define("zebra", hosts=[])
    await world.show(woken_by=WakeReason.COMMAND)
    shown = await run("ls")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["NAME", "HOSTS", "STATE", "REASON", "SINCE", "IDLE", "NEXT"]
    assert lines[1].split()[:4] == ["hello", "hello.localhost", "awake", "Command"]
    assert lines[2].split()[:4] == ["zebra", "-", "asleep", "NotSeen"]
    wide = (await run("ls", "-o", "wide")).stdout
    assert "it was woken by command" in wide
    assert "PINNED UNTIL" in wide


async def test_ls_says_what_keeps_an_idle_service_awake(run: Run, running: Path, world: World):
    world.idle_since[HELLO] = world.clock.now() - timedelta(hours=1)
    await world.show(conditions=(blocked("AppVeto", "the app is busy"),))
    assert "kept awake: AppVeto" in (await run("ls")).stdout


async def test_describe_says_what_is_wrong_with_a_definition_that_was_never_good(run: Run, running: Path, world: World):
    world.catalog.problems = (Problem("a.yaml", "a.yaml:3: spec.hosst: this field does not exist", Key("default", "broken")),)
    result = await run("describe", "broken")
    assert (result.exit_code, result.stdout) == (ExitCode.UNKNOWN_SERVICE, "")
    assert "a.yaml:3: spec.hosst: this field does not exist" in result.stderr


async def test_ls_as_json_is_what_the_api_says(run: Run, running: Path):
    [service] = json.loads((await run("ls", "-o", "json")).stdout)
    assert (service["name"], service["state"]) == ("hello", "asleep")


async def test_ls_can_be_watched(data: Path, running: Path, world: World):
    watching = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wakedock_operator.cli", "ls", "--watch", "--data", str(data), stdout=asyncio.subprocess.PIPE
    )
    assert watching.stdout is not None
    assert (await watching.stdout.readline()).startswith(b"hello  hello.localhost  asleep")
    await world.show()
    assert b"  awake  " in await watching.stdout.readline()
    watching.terminate()
    await watching.communicate()


async def test_ls_can_be_watched_as_json_lines_until_a_service_is_gone(data: Path, running: Path, world: World):
    watching = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wakedock_operator.cli", "ls", "-w", "-o", "json", "--data", str(data), stdout=asyncio.subprocess.PIPE
    )
    assert watching.stdout is not None
    assert json.loads(await watching.stdout.readline())["state"] == "asleep"
    await world.catalog.forget(HELLO, "uid-hello")
    assert json.loads(await watching.stdout.readline()) == {"event": "gone", "namespace": "default", "name": "hello"}
    watching.terminate()
    await watching.communicate()


async def test_on_a_terminal_the_watched_list_is_drawn_anew(data: Path, running: Path, world: World):
    ours, theirs = pty.openpty()
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wakedock_operator.cli", "ls", "-w", "--data", str(data)),
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150"},
    )
    os.close(theirs)

    async def until(text: bytes) -> None:
        seen = b""
        while text not in seen:
            seen += await asyncio.to_thread(os.read, ours, 65536)

    await until(b"asleep")
    await world.show()
    await until(b"awake")
    await world.catalog.forget(HELLO, "uid-hello")
    await until(b"removed")
    watching.terminate()
    await watching.wait()
    os.close(ours)


async def test_on_a_terminal_the_list_is_a_table(data: Path, running: Path):
    ours, theirs = pty.openpty()
    listing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wakedock_operator.cli", "ls", "--data", str(data)), stdout=theirs, env={**os.environ, "TERM": "dumb"}
    )
    await listing.wait()
    os.close(theirs)
    assert b"hello.localhost" in os.read(ours, 65536)
    os.close(ours)


async def test_describe_explains_an_awake_service(run: Run, running: Path, world: World):
    world.clock.moment = datetime.now(UTC)
    world.catalog.define("hello", dependsOn=["db"])
    world.catalog.entries[HELLO] = replace(world.catalog.entries[HELLO], problem="hello.yaml:4: spec.hosst: this field does not exist")
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    await world.workloads.start(HELLO)
    await world.catalog.ask(HELLO, keep_awake_until=world.clock.moment + timedelta(hours=2))
    world.idle_since[HELLO] = world.clock.moment - timedelta(minutes=1)
    phases = {"asked": 0.0, "started": 0.02, "answering": 1.2, "granted": 1.25}
    world.journal.record(Event(NOW, HELLO, EventKind.WOKE, "Request", asker=ASKER, phases=phases))
    await world.show(woken_by=WakeReason.REQUEST, asker=ASKER, conditions=(blocked("Pinned", "pinned awake until later"),))
    text = (await run("describe", "hello")).stdout
    for part in (
        "hello is awake since",
        "a request woke it: GET hello.localhost/a from 10.0.0.7 (curl/8)",
        "blocked: pinned awake until later (Pinned)",
        "not served as it is written: hello.yaml:4",
        "its pin ends",
        "may sleep after 5m",
        "hello-1 at 127.0.0.1:",
        "needs       default/db",
        "defined in  /etc/services/hello.yaml:1",
        "last wakes (typically 1.2 s):",
        "1.2 s (started 20 ms, answering 1.2 s, granted 50 ms)  GET hello.localhost/a from 10.0.0.7",
        "SleepBlocked  True   Pinned",
    ):
        assert part in text
    assert json.loads((await run("describe", "default/hello", "-o", "json")).stdout)["dependsOn"] == ["default/db"]


async def test_describe_shows_why_a_start_failed(run: Run, running: Path, world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "KeyError: 'DATABASE_URL'")
    cause = replace(FAILURE, message=f"{FAILURE.message}; its last output:\nKeyError: 'DATABASE_URL'")
    await world.show(serving=Serving.ASLEEP, drain=failed(cause))
    text = (await run("describe", "hello")).stdout
    assert "hello is failed" in text
    assert f"failure     Exited: {FAILURE.message}; its last output: KeyError: 'DATABASE_URL'\n" in text
    assert "    KeyError: 'DATABASE_URL'" in text


async def test_describe_shows_why_an_awake_service_does_not_serve(run: Run, running: Path, world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    unready = Condition("Ready", "False", "NoAnswer", "nothing answers at spec.port (8080)", NOW)
    await world.show(conditions=(unready,))
    assert "not ready   nothing answers at spec.port (8080) (NoAnswer)\n" in (await run("describe", "hello")).stdout


async def test_events_are_printed_newest_last_with_who_asked(run: Run, running: Path, world: World):
    world.journal.record(Event(NOW, HELLO, EventKind.WOKE, "Request", asker=ASKER, phases={"asked": 0.0, "granted": 1.5}))
    world.journal.record(Event(NOW, HELLO, EventKind.SLEPT, "Idle"))
    world.journal.record(Event(NOW, HELLO, EventKind.WAKE_FAILED, "Exited", message="the app ended", asker=ASKER))
    lines = (await run("events")).stdout.splitlines()
    assert "GET hello.localhost/a from 10.0.0.7" in lines[1]
    assert "1.5 s" in lines[1]
    assert "Slept" in lines[2]
    assert "from 10.0.0.7: the app ended" in lines[3]
    assert "(curl/8)" in (await run("events", "hello", "-o", "wide", "--kind", "Woke")).stdout
    assert [event["kind"] for event in json.loads((await run("events", "-o", "json")).stdout)] == ["Woke", "Slept", "WakeFailed"]


async def test_logs_are_printed_as_they_are(run: Run, running: Path, world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "one", "[bold]two[/]", "three")
    assert (await run("logs", "hello", "--lines", "2")).stdout == "[bold]two[/]\nthree\n"


async def test_logs_can_be_followed(data: Path, running: Path, world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "one")
    following = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wakedock_operator.cli", "logs", "-f", "hello", "--data", str(data), stdout=asyncio.subprocess.PIPE
    )
    assert following.stdout is not None
    assert await following.stdout.readline() == b"one\n"
    world.workloads.write(HELLO, "two")
    assert await following.stdout.readline() == b"two\n"
    following.terminate()
    await following.communicate()


# Steering


async def test_wake_waits_until_the_service_is_awake(run: Run, running: Path, world: World):
    waking = asyncio.create_task(run("wake", "hello"))
    token = await wished(world, "wake")
    await world.show(woken_by=WakeReason.COMMAND, handled=Handled(wake=token))
    result = await waking
    assert (result.exit_code, result.stdout) == (0, "hello is awake\n")


async def test_wake_ends_with_the_cause_of_a_failure(run: Run, running: Path, world: World):
    waking = asyncio.create_task(run("wake", "hello"))
    token = await wished(world, "wake")
    await world.show(serving=Serving.DRAINING, drain=failed(), handled=Handled(wake=token))
    result = await waking
    assert result.exit_code == ExitCode.START_FAILED
    assert f"did not start: {FAILURE.message} (Exited)" in result.stderr


async def test_an_old_failure_does_not_end_a_new_wake(run: Run, running: Path, world: World):
    await world.show(serving=Serving.ASLEEP, drain=failed())
    waking = asyncio.create_task(run("wake", "hello"))
    token = await wished(world, "wake")
    await world.show(handled=Handled(wake=token))
    assert (await waking).exit_code == 0


async def test_sleep_says_what_it_waits_for_and_waits(run: Run, running: Path, world: World):
    await world.show()
    sleeping = asyncio.create_task(run("sleep", "hello"))
    token = await wished(world, "sleep")
    drain, handled = Drain(DrainReason.REQUESTED, forced=True), Handled(sleep=token)
    await world.show(
        serving=Serving.DRAINING, drain=drain, handled=handled, conditions=(blocked("RequestsInFlight", "one WebSocket is open"),)
    )
    while not world.board._changes._readers:
        await asyncio.sleep(0)
    await world.show(serving=Serving.ASLEEP, drain=drain, handled=handled)
    result = await sleeping
    assert (result.exit_code, result.stdout) == (0, "hello is asleep\n")


async def test_waiting_has_an_end(run: Run, running: Path):
    result = await run("wake", "hello", "--timeout", "10ms")
    assert result.exit_code == ExitCode.TIMED_OUT
    assert "may still happen" in result.stderr


@pytest.mark.parametrize("what", ["wake", "sleep"])
async def test_waiting_is_not_necessary(run: Run, running: Path, world: World, what: str):
    result = await run(what, "hello", "--no-wait")
    assert (result.exit_code, result.stdout) == (0, f"hello was asked to {what}\n")
    assert getattr(world.catalog.entries[HELLO].wishes, what) != ""


async def test_a_pin_keeps_awake_until_it_is_taken_off(run: Run, running: Path, world: World):
    result = await run("pin", "hello", "--for", "2h")
    assert "pinned awake until" in result.stdout
    assert world.catalog.entries[HELLO].wishes.keep_awake_until == NOW + timedelta(hours=2)
    refused = await run("sleep", "hello")
    assert refused.exit_code == ExitCode.REFUSED
    assert "Take the pin off" in refused.stderr
    assert (await run("unpin", "hello")).stdout == "hello is not pinned\n"
    assert world.catalog.entries[HELLO].wishes.keep_awake_until is None


async def test_a_pin_that_is_over_before_it_is_told(run: Run, running: Path, world: World, monkeypatch: pytest.MonkeyPatch):
    ask = world.catalog.ask

    async def ask_slowly(*what: Any, **wish: Any) -> None:
        await ask(*what, **wish)
        world.clock.moment += timedelta(seconds=1)

    monkeypatch.setattr(world.catalog, "ask", ask_slowly)
    assert (await run("pin", "hello", "--for", "1ms")).stdout == "hello was pinned awake; that is over already\n"


async def test_a_pin_that_a_restart_forgets_is_warned_about(run: Run, running: Path, world: World):
    world.catalog.disk_full = True
    assert "warning: in force now" in (await run("pin", "hello", "--for", "2h")).stderr
    assert "warning: in force now" in (await run("unpin", "hello")).stderr


# What can go wrong


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (("describe", "helo"), ExitCode.UNKNOWN_SERVICE, "Known services: default/hello"),
        (("logs", "Not_A_Name"), ExitCode.UNKNOWN_SERVICE, "is not a name"),
        (("wake", "a/b/c"), ExitCode.UNKNOWN_SERVICE, "namespace/name"),
        (("wake", "hello", "--timeout", "soon"), ExitCode.USAGE, "is not a duration"),
        (("pin", "hello", "--for", "2 hours"), ExitCode.USAGE, "is not a duration"),
        (("pin", "hello", "--for", "0s"), ExitCode.USAGE, "must be longer than 0s"),
        (("pin", "hello", "--for", "99999h"), ExitCode.USAGE, "A pin lasts"),
        (("pin", "hello"), ExitCode.USAGE, "--for"),
        (("dance",), ExitCode.USAGE, "No such command"),
        (("ls", "-o", "xml"), ExitCode.USAGE, "xml"),
    ],
)
async def test_a_mistake_ends_with_a_sentence_and_its_code(run: Run, running: Path, arguments: tuple[str, ...], code: int, said: str):
    result = await run(*arguments)
    assert result.exit_code == code
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [("ls", "--all-namespaces"), ("operator", "--lease=a")])
def test_without_the_extra_for_clusters_a_command_names_it(arguments: tuple[str, ...]):
    program = "import sys; sys.modules['kubernetes'] = None; from wakedock_operator.cli.main import app; app()"
    missing = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert missing.returncode == ExitCode.UNEXPECTED
    assert missing.stderr == "wakedock: what works with clusters is not installed here: pip install 'wakedock[kubernetes]'\n"


async def test_where_nothing_runs_every_command_says_so(run: Run, data: Path):
    never = await run("ls")
    assert never.exit_code == ExitCode.NOT_RUNNING
    assert "no WakeDock has run" in never.stderr
    data.mkdir(parents=True)
    (data / "runtime").write_text(f"{data}\n")
    stopped = await run("wake", "hello")
    assert stopped.exit_code == ExitCode.NOT_RUNNING
    assert "does not run on this data directory" in stopped.stderr


async def test_the_configuration_file_leads_to_the_instance_too(run: Run, running: Path, tmp_path: Path):
    config = tmp_path / "wakedock.yaml"
    config.write_text(f"data: {running}")
    assert (await run("ls", WAKEDOCK_DATA="", WAKEDOCK_CONFIG=str(config))).exit_code == 0


# The rest


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "services"
    path.mkdir()
    return path


GOOD = (
    "apiVersion: wakedock.dev/v1alpha1\nkind: WakeService\nmetadata: {name: hello}\nspec: {hosts: [hello.localhost], app: {command: [x]}}\n"
)


async def test_check_is_content_with_what_is_right(run: Run, definitions: Path):
    (definitions / "hello.yaml").write_text(GOOD)
    result = await run("check", "-f", str(definitions))
    assert (result.exit_code, result.stdout) == (0, "no mistakes\n")


async def test_check_says_that_there_is_nothing_to_check(run: Run, definitions: Path):
    empty = definitions / "empty"
    empty.mkdir()
    result = await run("check", "-f", str(empty))
    assert (result.exit_code, result.stdout) == (0, "no YAML files there, so nothing to check\n")


async def test_check_names_file_line_field_and_the_nearest_one(run: Run, definitions: Path):
    (definitions / "hello.yaml").write_text(GOOD.replace("hosts:", "hosst:"))
    result = await run("check", "-f", str(definitions))
    assert result.exit_code == ExitCode.MISTAKE
    assert "hello.yaml:4:" in result.stdout
    assert "did you mean 'hosts'" in result.stdout
    [mistake] = json.loads((await run("check", "-f", str(definitions), "-o", "json")).stdout)
    assert (mistake["line"], mistake["suggestion"]) == (4, "hosts")


async def test_run_without_definitions_or_with_a_wrong_option_says_so(run: Run):
    nothing = await run("run")
    assert (nothing.exit_code, "-f" in nothing.stderr) == (ExitCode.MISTAKE, True)
    wrong = await run("run", "-f", "x", "--tls", "maybe", "--listen", "8080")
    assert wrong.exit_code == ExitCode.MISTAKE
    assert "wakedock: --tls: must be" in wrong.stderr
    assert "wakedock: --listen[0]: '8080' is not an address" in wrong.stderr


async def test_the_first_run_refuses_a_path_that_does_not_exist(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.cli.logging.set_up_logging", lambda **_: None)
    result = await run("run", "-f", str(tmp_path), "-f", str(tmp_path / "nowhere"))
    assert result.exit_code == ExitCode.MISTAKE
    assert result.stderr == f"wakedock: there is no {tmp_path}/nowhere; correct -f (or WAKEDOCK_FILES), or create what it names\n"


async def test_an_error_inside_task_groups_keeps_its_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch):
    def taken(_: object) -> int:
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", [PortInUse("127.0.0.1:8080 is taken by another program")])])

    monkeypatch.setattr("wakedock_operator.cli.run.run", taken)
    monkeypatch.setattr("wakedock_operator.cli.logging.set_up_logging", lambda **_: None)
    result = await run("run", "-f", "x")
    assert (result.exit_code, result.stderr) == (ExitCode.PORT_IN_USE, "wakedock: 127.0.0.1:8080 is taken by another program\n")


async def test_ctrl_c_has_its_own_code(run: Run, monkeypatch: pytest.MonkeyPatch):
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("wakedock_operator.cli.run.run", interrupted)
    monkeypatch.setattr("wakedock_operator.cli.logging.set_up_logging", lambda **_: None)
    assert (await run("run", "-f", "x")).exit_code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("what", ["wakeservice", "config"])
async def test_schemas_are_printed_and_valid(run: Run, what: str):
    jsonschema.Draft202012Validator.check_schema(json.loads((await run("schema", what)).stdout))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_scripts_call_wakedock_back(run: Run, shell: str):
    assert "_WAKEDOCK_COMPLETE" in (await run("completion", shell)).stdout


@pytest.mark.parametrize("line, words", [("wakedock de", {"demo", "describe"}), ("wakedock wake h", {"hello"})])
async def test_the_shell_completes_commands_and_services(data: Path, running: Path, line: str, words: set[str]):
    environ = {"_WAKEDOCK_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "WAKEDOCK_DATA": str(data)}
    completing = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from wakedock_operator.cli.main import app; app(prog_name='wakedock')",
        env=environ,
        stdout=asyncio.subprocess.PIPE,
    )
    found, _ = await completing.communicate()
    assert set(found.decode().split()) == words


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
async def test_the_version_is_printed(run: Run, arguments: tuple[str, ...]):
    assert (await run(*arguments)).stdout.startswith("wakedock 0.")


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_explains_itself(run: Run, command: str):
    result = await run(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: wakedock {command}" in result.stdout or f" {command} " in result.stdout


def test_listing_does_not_pay_for_the_gateway():
    heavy = ["aiohttp", "httpx", "structlog", "prometheus_client", "jinja2", "psutil", "yaml", "rich.console", "wakedock_operator.adapters"]
    script = "import sys; from wakedock_operator.cli.main import app; app(['ls', '--data', '/nowhere'], standalone_mode=False); "
    script += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
