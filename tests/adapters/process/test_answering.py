import os
import signal
import socket

import pytest

from tests.adapters.process.apps import PYTHON, service
from tests.adapters.process.bench import UID, Bench
from wakedock_operator.ports.workloads import VetoResult
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")
SLEEP = "import time; time.sleep(600)"


async def test_an_app_that_binds_late_is_not_ready_before(bench: Bench, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    instance = await bench.start(service(code=f"open({str(gate)!r}).read(); serve(int(sys.argv[1]))"))
    result = await bench.workloads.probe(HELLO, instance.id)
    assert not result.ready
    assert "nothing listens on port" in result.detail
    os.close(os.open(gate, os.O_WRONLY))
    assert (await bench.until_ready(HELLO, instance.id)).detail == "HTTP 200"


async def test_a_foreign_listener_is_never_taken_for_the_app(bench: Bench, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    instance = await bench.start(service(code=f"open({str(gate)!r}).read(); serve(int(sys.argv[1]))"))
    port = int(instance.address.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        result = await bench.workloads.probe(HELLO, instance.id)
        assert not result.ready
        assert f"port {port} is answered by another process" in result.detail
        assert f"process {os.getpid()}" in result.detail
    os.close(os.open(gate, os.O_WRONLY))
    assert (await bench.until_ready(HELLO, instance.id)).ready


@pytest.mark.parametrize(
    "host, dialled",
    [
        pytest.param("127.0.0.1", "127.0.0.1", id="loopback"),
        pytest.param("0.0.0.0", "127.0.0.1", id="every IPv4 address"),
        pytest.param("::1", "[::1]", id="IPv6 loopback"),
        pytest.param("::", "[::1]", id="every IPv6 address"),
    ],
)
async def test_the_address_is_where_the_app_itself_listens(bench: Bench, host, dialled):
    instance = await bench.serve(service(code=f"serve(int(sys.argv[1]), {host!r})"))
    assert instance.address.rpartition(":")[0] == dialled


async def test_an_app_that_listens_elsewhere_only_is_told_where(bench: Bench):
    instance = await bench.start(service(code="serve(int(sys.argv[1]), '127.0.0.2')"))
    result = await bench.until_detail(HELLO, instance.id, "is open on")
    assert "is open on 127.0.0.2 only" in result.detail


async def test_an_app_that_listens_on_another_port_is_told_on_which(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.adapters.process.starting.LOOK_AGAIN", 0.0)
    code = "other = socket.create_server(('127.0.0.1', 0)); print('other', other.getsockname()[1], flush=True); other.accept()"
    instance = await bench.start(service(code=code))
    port = (await bench.until_line(HELLO, "other")).split()[1]
    result = await bench.workloads.probe(HELLO, instance.id)
    assert result.detail.startswith("nothing listens on port")
    assert f"the app listens on port {port}:" in result.detail
    assert (await bench.workloads.observe(HELLO)).seen == result.detail


async def test_what_a_probe_saw_is_kept_until_the_app_is_ready_or_gone(bench: Bench, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    instance = await bench.start(service(code=f"open({str(gate)!r}).read(); serve(int(sys.argv[1]))"))
    assert (await bench.workloads.observe(HELLO)).seen == ""
    await bench.workloads.probe(HELLO, instance.id)
    assert "nothing listens on port" in (await bench.workloads.observe(HELLO)).seen
    os.close(os.open(gate, os.O_WRONLY))
    await bench.until_ready(HELLO, instance.id)
    assert (await bench.workloads.observe(HELLO)).seen == ""
    await bench.stop_and_wait(HELLO)
    assert (await bench.start(service())).id != instance.id
    assert (await bench.workloads.observe(HELLO)).seen == ""


async def test_a_worker_in_a_session_of_its_own_counts_as_the_app(bench: Bench):
    await bench.serve(service(code="os.fork() and (os.wait(), sys.exit()); os.setsid(); serve(int(sys.argv[1]))"))


async def test_an_answer_of_500_is_unhealthy(bench: Bench):
    instance = await bench.start(service(code="serve(int(sys.argv[1]), status='500 Oh')"))
    result = await bench.until_detail(HELLO, instance.id, "HTTP")
    assert (result.ready, result.unhealthy, result.detail) == (False, True, "HTTP 500")


async def test_a_dependency_may_be_asked_by_tcp(bench: Bench):
    instance = await bench.start(service(hosts=[], wake={"readiness": {"tcp": {}}}))
    assert (await bench.until_ready(HELLO, instance.id)).detail == "connected"


async def test_a_readiness_command_runs_in_the_apps_surroundings(bench: Bench, tmp_path):
    probe = ["/bin/sh", "-c", 'test "$PORT" = $(PORT) && test "$COLOUR" = blue && test "$PWD" = "$0"', str(tmp_path)]
    app = {"workingDir": str(tmp_path), "env": [{"name": "COLOUR", "value": "blue"}]}
    instance = await bench.start(service(app=app, wake={"readiness": {"command": {"command": probe, "timeout": "10s"}}}))
    assert (await bench.until_ready(HELLO, instance.id)).detail == "'/bin/sh' exited with code 0"


async def test_a_worker_without_host_and_port_is_ready_when_it_runs_and_has_no_address(bench: Bench):
    instance = await bench.serve(service(hosts=[], command=[*PYTHON, SLEEP]))
    assert instance.address == ""


WORKER = service("worker", hosts=[], command=[*PYTHON, SLEEP])


async def test_a_worker_is_not_probed_any_more_once_nobody_needs_its_port(bench: Bench):
    await bench.workloads.ensure(service(command=[*PYTHON, SLEEP, "$(PORT:worker)"], dependsOn=["worker"]), UID)
    instance = await bench.start(WORKER)
    assert "nothing listens" in (await bench.workloads.probe(WORKER.key, instance.id)).detail
    await bench.workloads.ensure(service(command=[*PYTHON, SLEEP], dependsOn=["worker"]), UID)
    assert (await bench.workloads.probe(WORKER.key, instance.id)).ready
    assert (await bench.workloads.observe(WORKER.key)).live[0].address == ""


async def test_a_worker_is_not_probed_any_more_once_what_needed_its_port_is_deleted(bench: Bench):
    await bench.workloads.ensure(service(command=[*PYTHON, SLEEP, "$(PORT:worker)"], dependsOn=["worker"]), UID)
    instance = await bench.start(WORKER)
    await bench.workloads.remove(HELLO, UID)
    assert (await bench.workloads.probe(WORKER.key, instance.id)).ready


async def test_a_worker_is_probed_once_somebody_needs_its_port(bench: Bench):
    instance = await bench.start(WORKER)
    await bench.workloads.ensure(service(command=[*PYTHON, SLEEP, "$(PORT:worker)"], dependsOn=["worker"]), UID)
    assert "nothing listens" in (await bench.workloads.probe(WORKER.key, instance.id)).detail


async def test_readiness_outlives_a_restart_of_wakedock(bench: Bench):
    instance = await bench.serve(service(code="serve(int(sys.argv[1]), '::1')"))
    await bench.reopen()
    assert (await bench.workloads.observe(HELLO)).instances == (instance,)


@pytest.mark.parametrize("status, vetoed", [("409 Conflict", True), ("200 OK", False), ("404 Not Found", False)])
async def test_only_409_keeps_the_app_awake(bench: Bench, status, vetoed):
    await bench.serve(service(code=f"serve(int(sys.argv[1]), status={status!r})", sleep={"veto": {"http": {"path": "/busy"}}}))
    assert await bench.workloads.ask_veto(HELLO) == VetoResult(vetoed=vetoed, detail=f"HTTP {status[:3]}")


async def test_an_app_that_does_not_answer_the_veto_question_stays_awake(bench: Bench):
    instance = await bench.serve(service(sleep={"veto": {"http": {"path": "/busy", "timeout": "100ms"}}}))
    os.kill(int(instance.id.split("-")[0]), signal.SIGSTOP)
    result = await bench.workloads.ask_veto(HELLO)
    assert (result.vetoed, result.detail) == (True, "no answer within 100ms")
    os.kill(int(instance.id.split("-")[0]), signal.SIGCONT)


async def test_an_app_that_does_not_run_has_no_veto(bench: Bench):
    await bench.workloads.ensure(service(sleep={"veto": {"http": {"path": "/busy"}}}), "uid-1")
    assert not (await bench.workloads.ask_veto(HELLO)).vetoed


async def test_shared_with_a_stranger_through_reuseport_is_not_ready(bench: Bench):
    code = """
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind(('127.0.0.1', int(sys.argv[1]))); server.listen(); print('listening', flush=True)
import time; time.sleep(600)
"""
    instance = await bench.start(service(code=code))
    await bench.until_line(HELLO, "listening")
    port = int(instance.address.rpartition(":")[2])
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        result = await bench.workloads.probe(HELLO, instance.id)
    assert "is shared with another process" in result.detail
