import getpass
import os
import resource
import signal
import socket
from pathlib import Path

import pytest

from tests.adapters.process.apps import PYTHON, service
from tests.adapters.process.bench import UID, Bench, pid_of
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")
SLEEP = "import sys, time; print('up', *sys.argv[1:], flush=True); time.sleep(600)"


async def failure_of(bench: Bench, **spec) -> Failure:
    await bench.workloads.ensure(service(**spec), UID)
    await bench.workloads.start(HELLO)
    seen = await bench.until(HELLO, lambda seen: seen.failure is not None and not seen.instances)
    assert (seen.desired, seen.settled) == (0, True)
    assert seen.failure is not None
    return seen.failure


@pytest.mark.parametrize(
    "spec, reason, words",
    [
        pytest.param({"command": ["no-such-program"]}, FailureReason.COMMAND_NOT_FOUND, "not in PATH", id="a name that is not in PATH"),
        pytest.param({"command": ["/no/such"]}, FailureReason.COMMAND_NOT_FOUND, "does not exist", id="a path that does not exist"),
        pytest.param({"command": ["./data"]}, FailureReason.NOT_PERMITTED, "chmod +x", id="a file that is not executable"),
        pytest.param({"command": ["./broken"]}, FailureReason.COMMAND_NOT_FOUND, "interpreter", id="a script without its interpreter"),
        pytest.param({"command": ["./text"]}, FailureReason.COMMAND_NOT_FOUND, "#!/bin/sh", id="a file that is no program"),
        pytest.param({"app": {"workingDir": "/no/such"}}, FailureReason.MISCONFIGURED, "workingDir /no/such", id="no working directory"),
        pytest.param({"app": {"workingDir": "/etc/passwd"}}, FailureReason.MISCONFIGURED, "not a folder", id="a file as directory"),
        pytest.param({"app": {"envFrom": [{"file": "/no/env"}]}}, FailureReason.MISCONFIGURED, "/no/env does not exist", id="no envFrom"),
        pytest.param({"app": {"user": "nobody-of-that-name"}}, FailureReason.NOT_PERMITTED, "does not exist", id="an unknown user"),
    ],
)
async def test_what_cannot_be_executed_is_said_at_once(bench: Bench, tmp_path: Path, spec, reason, words):
    (tmp_path / "data").write_text("#!/bin/sh\n")
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "text").write_text("hello\n")
    for name in ("broken", "text"):
        (tmp_path / name).chmod(0o755)
    spec = {**spec, "app": {"workingDir": str(tmp_path)} | spec.get("app", {})}
    failure = await failure_of(bench, **spec)
    assert failure.reason is reason
    assert words in failure.message


async def test_a_line_that_is_no_variable_is_named(bench: Bench, tmp_path: Path):
    path = tmp_path / "env"
    path.write_text("GOOD=1\nwhat is this\n")
    failure = await failure_of(bench, app={"envFrom": [{"file": str(path)}]})
    assert f"{path}, line 2" in failure.message


async def test_a_nul_character_among_variables_is_named_by_its_line(bench: Bench, tmp_path: Path):
    path = tmp_path / "env"
    path.write_bytes(b"\n# comment\nGOOD=1\n\nBAD='a\0b'\n")
    failure = await failure_of(bench, app={"envFrom": [{"file": str(path)}]})
    assert failure.reason is FailureReason.MISCONFIGURED
    assert f"{path}, line 5: a NUL character" in failure.message


@pytest.mark.parametrize(
    "make, words",
    [
        pytest.param(os.mkfifo, "it is no regular file", id="a named pipe"),
        pytest.param(os.mkdir, "it is no regular file", id="a folder"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "it is no regular file", id="a device"),
        pytest.param(lambda path: path.write_text("A=1\n" * 300_000), "it is larger than 1024 KiB", id="a large file"),
        pytest.param(lambda path: path.write_bytes(b"A=\xff\n"), "can't decode", id="a file of another encoding"),
    ],
)
async def test_what_is_no_file_of_variables_is_refused_at_once_and_mended(bench: Bench, tmp_path: Path, make, words):
    path = tmp_path / "env"
    make(path)
    failure = await failure_of(bench, app={"envFrom": [{"file": str(path)}]})
    assert failure.reason is FailureReason.MISCONFIGURED
    assert f"{path} cannot be read" in failure.message
    assert words in failure.message
    mended = tmp_path / "mended"
    mended.write_bytes("\N{BYTE ORDER MARK}A=1\r\nB='x\r\ny'\r\n".encode())
    await bench.start(service(command=["/bin/sh", "-c", 'echo "$A,$B."; sleep 600'], app={"envFrom": [{"file": str(mended)}]}))
    await bench.until_line(HELLO, "1,x")
    assert await bench.workloads.logs(HELLO, lines=2) == ("1,x", "y.")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_command_that_another_user_may_not_execute_is_not_permitted(bench: Bench, tmp_path: Path):
    program = tmp_path / "private"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    tmp_path.chmod(0o755)
    failure = await failure_of(bench, command=[str(program)], app={"user": "nobody"})
    assert failure.reason is FailureReason.NOT_PERMITTED
    assert "'nobody' may not execute" in failure.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_gets_its_own_identity(bench: Bench):
    await bench.start(service(command=["/bin/sh", "-c", "id -un; echo $HOME $USER $LOGNAME; sleep 600"], app={"user": "nobody"}))
    await bench.until_line(HELLO, "/nonexistent nobody nobody")
    assert (await bench.workloads.logs(HELLO, lines=10))[0] == "nobody"


async def test_each_failed_start_is_another_failure(bench: Bench):
    first = await failure_of(bench, command=["/no/such"])
    second = await failure_of(bench, command=["/no/such"])
    assert first.id != second.id


async def test_an_exit_tells_its_code_and_the_last_lines(bench: Bench):
    failure = await failure_of(bench, command=["/bin/sh", "-c", "echo one; echo the database is away >&2; exit 3"])
    assert failure.reason is FailureReason.EXITED
    assert "exited with code 3" in failure.message
    assert failure.message.endswith("one\nthe database is away")


async def test_the_cause_shows_no_lines_of_an_earlier_start(bench: Bench):
    await failure_of(bench, command=["/bin/sh", "-c", "echo first; exit 1"])
    failure = await failure_of(bench, command=["/bin/sh", "-c", "exit 1"])
    assert failure.message.endswith("it had written nothing")


async def test_an_exit_by_a_signal_names_it(bench: Bench):
    failure = await failure_of(bench, command=["/bin/sh", "-c", "kill -SEGV $$$$"])
    assert f"was ended by {signal.SIGSEGV.name}" in failure.message


async def test_a_program_that_goes_into_the_background_is_told_not_to(bench: Bench):
    failure = await failure_of(bench, command=["/bin/sh", "-c", "sleep 600 & exit 0"])
    assert "stay in the foreground" in failure.message


async def test_nothing_of_wakedocks_own_environment_leaks(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAKEDOCK_DATA", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    instance = await bench.start(service(command=[*PYTHON, SLEEP]))
    await bench.until_line(HELLO, "up")
    entries = dict(each.split("=", 1) for each in Path(f"/proc/{pid_of(instance)}/environ").read_text().rstrip("\0").split("\0"))
    assert entries["PATH"] == os.environ["PATH"]
    assert entries["LC_ALL"] == "C.UTF-8"
    assert entries["USER"] == entries["LOGNAME"] == getpass.getuser()
    assert entries["HOME"]
    assert {name for name in entries if name.startswith(("WAKEDOCK", "AWS"))} == {"WAKEDOCK_INSTANCE"}


async def test_variables_see_what_stands_before_them(bench: Bench, tmp_path: Path):
    path = tmp_path / "env"
    path.write_text("# settings\nexport FROM_FILE='a b'\nBOTH=file\n")
    app = {
        "envFrom": [{"file": str(path)}],
        "env": [
            {"name": "BOTH", "value": "env"},
            {"name": "FIRST", "value": "$(FROM_FILE)-$(LATER)"},
            {"name": "LATER", "value": "$(FIRST)/$$(FIRST)"},
        ],
    }
    await bench.start(service(command=["/bin/sh", "-c", 'echo "$BOTH|$FIRST|$LATER|$PORT" "$(BOTH)"; exec sleep 600'], port=None, app=app))
    line = await bench.until_line(HELLO, "|")
    port = (await bench.workloads.observe(HELLO)).live[0].address.rpartition(":")[2]
    assert line == f"env|a b-$(LATER)|a b-$(LATER)/$(FIRST)|{port} env"


async def test_each_start_gets_a_port_of_its_own_outside_the_ephemeral_range(bench: Bench):
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = set()
    for _ in range(3):
        port = int((await bench.start(service())).address.rpartition(":")[2])
        assert not low <= port <= high
        ports.add(port)
        await bench.stop_and_wait(HELLO)
    assert len(ports) == 3


async def test_a_fixed_port_that_is_taken_is_refused_and_its_owner_named(bench: Bench):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        failure = await failure_of(bench, port=port)
    assert failure.reason is FailureReason.PORT_TAKEN
    assert f"port {port}" in failure.message
    assert f"process {os.getpid()}" in failure.message


async def test_a_fixed_port_can_be_used_again_right_after_a_stop(bench: Bench):
    port = int((await bench.start(service("probe"))).address.rpartition(":")[2])
    await bench.stop_and_wait(Key("default", "probe"))
    first = await bench.serve(service(port=port))
    await bench.stop(HELLO)
    second = await bench.serve(service(port=port))
    assert first.address == second.address == f"127.0.0.1:{port}"
    assert first.id != second.id


async def test_a_whole_chain_knows_its_ports_before_anything_runs(bench: Bench):
    db = service("db", hosts=[], wake={"readiness": {"tcp": {}}})
    app = service(command=[*PYTHON, SLEEP, "$(PORT:db)"], dependsOn=["db"])
    await bench.workloads.ensure(db, UID)
    await bench.start(app)
    told = (await bench.until_line(HELLO, "up ")).split()[1]
    assert (await bench.serve(db)).address == f"127.0.0.1:{told}"
    assert not (await bench.workloads.observe(HELLO)).outdated


async def test_a_dependency_that_crashed_comes_back_where_its_dependant_looks_for_it(bench: Bench):
    db = service("db", hosts=[], wake={"readiness": {"tcp": {}}})
    first = await bench.serve(db)
    await bench.start(service(command=[*PYTHON, SLEEP, "$(PORT:db)"], dependsOn=["db"]))
    os.kill(pid_of(first), signal.SIGKILL)
    await bench.until(db.key, lambda seen: not seen.instances)
    assert (await bench.serve(db)).address == first.address


async def test_the_port_of_a_service_that_does_not_exist_is_refused(bench: Bench):
    failure = await failure_of(bench, command=[*PYTHON, SLEEP, "$(PORT:db)"], dependsOn=["db"])
    assert failure.reason is FailureReason.DEPENDENCY_FAILED


@pytest.mark.parametrize(
    "spec, field",
    [
        pytest.param({"replicas": 2}, "spec.replicas", id="several instances"),
        pytest.param({"app": {"env": [{"name": "PORT", "value": "80"}]}}, "spec.app.env", id="a port by environment"),
        pytest.param({"app": {"env": [{"name": "WAKEDOCK_INSTANCE", "value": "x"}]}}, "spec.app.env", id="the marker"),
    ],
)
async def test_what_a_process_cannot_honour_is_refused_by_name(bench: Bench, spec, field):
    assert field in str(bench.workloads.refusal(service(**spec)))
    assert bench.workloads.refusal(service()) is None


async def test_a_user_that_wakedock_cannot_become_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert "only root" in str(bench.workloads.refusal(service(app={"user": "root"})))
    assert bench.workloads.refusal(service(app={"user": "65534"})) is None


async def test_a_start_whose_log_cannot_be_opened_goes_on_without_it_and_says_so(bench: Bench):
    (bench.data / "logs").write_text("a file where the folder should be")
    await bench.serve(service())
    assert "cannot be opened" in str(bench.workloads.output_problem(HELLO))
    assert await bench.workloads.logs(HELLO, lines=10) == ()


async def test_the_app_inherits_no_descriptor_of_wakedock(bench: Bench):
    instance = await bench.start(service(command=[*PYTHON, SLEEP]))
    await bench.until_line(HELLO, "up")
    assert sorted(each.name for each in Path(f"/proc/{pid_of(instance)}/fd").iterdir()) == ["0", "1", "2"]


async def test_the_app_gets_the_limit_of_descriptors_that_wakedock_was_started_with(bench: Bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    await bench.reopen(descriptors=soft // 2)
    await bench.start(service(command=["/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; exec sleep 600"]))
    await bench.until_line(HELLO, str(hard))
    assert await bench.workloads.logs(HELLO, lines=2) == (str(soft // 2), str(hard))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


async def test_an_app_gets_no_limit_that_would_leave_wakedock_short_for_a_moment(bench: Bench):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    await bench.reopen(descriptors=2 * len([*Path("/proc/self/fd").iterdir()]) - 2)
    instance = await bench.start(service(command=[*PYTHON, SLEEP]))
    assert resource.prlimit(pid_of(instance), resource.RLIMIT_NOFILE)[0] == soft
