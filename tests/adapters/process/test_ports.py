import socket
from pathlib import Path

import pytest

from tests.adapters.process.apps import service
from tests.adapters.process.bench import UID, Bench
from wakedock_operator.adapters.process import ports
from wakedock_operator.adapters.process.refused import StartRefused
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


async def test_a_port_named_later_is_used_at_the_next_start(bench: Bench):
    await bench.serve(service())
    port = free_port()
    await bench.workloads.ensure(service(port=port), UID)
    assert (await bench.workloads.observe(HELLO)).outdated
    await bench.stop_and_wait(HELLO)
    assert (await bench.serve(service(port=port))).address == f"127.0.0.1:{port}"
