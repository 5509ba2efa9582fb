import asyncio
import os
import socket
from pathlib import Path

import pytest

from tests.adapters.process.apps import PYTHON, SERVE, service
from tests.adapters.process.bench import UID, Bench
from wakedock_operator.adapters.process import ports
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    "ephemeral, below, above",
    [
        pytest.param("32768\t60999\n", (10_000, 32_767), (61_000, 65_535), id="the kernel's default"),
        pytest.param("1024\t60999\n", None, (61_000, 65_535), id="nothing below"),
        pytest.param("20000\t65535\n", (10_000, 19_999), None, id="nothing above"),
        pytest.param("1024\t5000\n", None, (10_000, 65_535), id="a low range"),
    ],
)
def test_candidates_lie_outside_the_ephemeral_range(tmp_path: Path, ephemeral, below, above):
    path = tmp_path / "range"
    path.write_text(ephemeral)
    found = [(each[0], each[-1]) if each else None for each in ports.candidates(path)]
    assert found == [below, above]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_on_which_somebody_listens_is_never_chosen(monkeypatch: pytest.MonkeyPatch, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as stranger:
        taken, free = stranger.getsockname()[1], free_port()
        monkeypatch.setattr(ports, "candidates", lambda: (range(taken, taken + 1), range(free, free + 1)))
        assert {ports.choose(set()) for _ in range(20)} == {free}


def test_no_port_is_given_to_two_services(monkeypatch: pytest.MonkeyPatch):
    port = free_port()
    monkeypatch.setattr(ports, "candidates", lambda: (range(port, port + 1), range(0)))
    book = ports.PortBook()
    assert book.reserve(HELLO) == book.reserve(HELLO) == port
    with pytest.raises(StartRefused, match="ip_local_port_range"):
        book.reserve(Key("default", "other"))
    book.release(HELLO)
    assert book.reserve(Key("default", "other")) == port


def test_a_port_that_a_definition_names_is_given_to_nobody_else(monkeypatch: pytest.MonkeyPatch):
    port = free_port()
    monkeypatch.setattr(ports, "candidates", lambda: (range(port, port + 1), range(0)))
    book = ports.PortBook()
    assert book.fix(HELLO, port)
    assert not book.fix(HELLO, port)
    with pytest.raises(StartRefused):
        book.reserve(Key("default", "other"))
    assert book.reserve(HELLO) == port


async def test_a_reserved_port_that_a_stranger_took_is_replaced_at_the_start(bench: Bench):
    await bench.workloads.ensure(service(), UID)
    reserved = bench.workloads._ports.reserve(HELLO)
    with socket.create_server(("127.0.0.1", reserved)):
        instance = await bench.serve(service())
    assert instance.address != f"127.0.0.1:{reserved}"


async def test_two_services_with_one_port_know_of_each_other(bench: Bench):
    port = free_port()
    await bench.serve(service("other", port=port))
    await bench.workloads.ensure(service(port=port), UID)
    await bench.workloads.start(HELLO)
    failure = (await bench.workloads.observe(HELLO)).failure
    assert failure is not None
    assert failure.reason is FailureReason.PORT_TAKEN
    assert f"port {port} is in use" in failure.message
    assert "of the service default/other); put that service to sleep or change spec.port" in failure.message


SLOW_END = (
    "signal.signal(signal.SIGTERM, lambda *_: os.read(os.open(sys.argv[2], os.O_RDONLY), 1) and os._exit(0)); serve(int(sys.argv[1]))"
)


class Ending:
    """A service whose app has a fixed port and ends only when it is let."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.port = free_port()
        self.gate = folder / "gate"
        os.mkfifo(self.gate)
        self.service = service("old", command=[*PYTHON, "import signal\n" + SERVE + SLOW_END, "$(PORT)", str(self.gate)], port=self.port)

    async def begin(self) -> None:
        await self.bench.serve(self.service)
        await self.bench.workloads.remove(self.service.key, UID)

    async def let(self) -> None:
        await asyncio.to_thread(self.gate.write_text, "x")


async def test_a_start_waits_for_the_end_of_an_app_that_has_its_port(bench: Bench, tmp_path: Path):
    old = Ending(bench, tmp_path)
    await old.begin()
    await bench.workloads.ensure(service(port=old.port), UID)
    await bench.workloads.start(HELLO)
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.settled, seen.failure) == (1, False, None)
    await old.let()
    instance = (await bench.until(HELLO, lambda seen: bool(seen.live))).live[0]
    assert (await bench.until_ready(HELLO, instance.id)).ready
    assert bench.workloads.keys() == {HELLO}


async def test_a_start_that_waits_for_a_port_can_be_taken_back(bench: Bench, tmp_path: Path):
    old = Ending(bench, tmp_path)
    await old.begin()
    await bench.workloads.ensure(service(port=old.port), UID)
    await bench.workloads.start(HELLO)
    await bench.stop(HELLO)
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.settled) == (0, True)
    await old.let()
    async for _ in bench.workloads.watch():
        if bench.workloads.keys() == {HELLO}:
            break
    assert (await bench.workloads.observe(HELLO)).instances == ()


async def test_a_start_that_waits_for_a_port_goes_on_with_another(bench: Bench, tmp_path: Path):
    old = Ending(bench, tmp_path)
    await old.begin()
    await bench.workloads.ensure(service(port=old.port), UID)
    await bench.workloads.start(HELLO)
    other = free_port()
    await bench.workloads.ensure(service(port=other), UID)
    assert (await bench.until(HELLO, lambda seen: bool(seen.live))).live[0].address == f"127.0.0.1:{other}"
    await old.let()


async def test_a_port_named_later_is_used_at_the_next_start(bench: Bench):
    await bench.serve(service())
    port = free_port()
    await bench.workloads.ensure(service(port=port), UID)
    assert (await bench.workloads.observe(HELLO)).outdated
    await bench.stop_and_wait(HELLO)
    assert (await bench.serve(service(port=port))).address == f"127.0.0.1:{port}"
