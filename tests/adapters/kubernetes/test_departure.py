"""A gateway leaves after nobody sends requests to it any more and what it carries has ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes import departure
from wakedock_operator.adapters.kubernetes.departure import LAG, PAUSE, UNKNOWN, Departure
from wakedock_operator.adapters.kubernetes.errors import ApiError, Forbidden, Unavailable
from wakedock_operator.ports.edge import EdgeUnavailable

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

OWN = "/apis/discovery.k8s.io/v1/namespaces/wakedock/endpointslices"
CALLERS = "/apis/discovery.k8s.io/v1/endpointslices"
Ready = bool | None


def slice_of(*endpoints: tuple[str, str, Ready]) -> dict[str, Any]:
    """A slice: kind and name of what is behind each endpoint, and its condition ready."""
    return {
        "endpoints": [
            {"targetRef": {"kind": kind, "name": name}, "conditions": {} if ready is None else {"ready": ready}}
            for kind, name, ready in endpoints
        ]
    }


HERE = slice_of(("Pod", "gateway-1", True))


class Gateway:
    """A pod `gateway-1`: what the slices say of it, and what its Caddy carries. Moments are seconds since the hook asked."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self.slices: dict[str, list[dict[str, Any]]] = {OWN: [], CALLERS: []}
        self.refusal: ApiError | None = None
        self.selectors: dict[str, str] = {}
        self.requests = 0
        self.caddy_runs = True
        self.looks: list[float] = []
        """When the list of what is in flight was asked for."""
        self.departure = Departure(
            self,  # type: ignore[arg-type] # all that it asks of it
            namespace="wakedock",
            callers_in=(None,),
            pod="gateway-1",
            runtime=runtime,
            carried=self.carried,
        )
        self.began = 0.0

    async def read_all(self, path: str, *, labelSelector: str = "") -> list[dict[str, Any]]:  # noqa: N803 - as it stands in the query
        self.selectors[path] = labelSelector
        if self.refusal is not None:
            raise self.refusal
        return [*self.slices[path]]

    async def carried(self) -> int:
        self.looks.append(self.elapsed())
        if not self.caddy_runs:
            raise EdgeUnavailable
        return self.requests

    def elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    def at(self, moment: float, happens: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(moment, happens)

    async def leaves(self) -> float:
        """Leave; returns after how many seconds it is drained."""
        self.began = asyncio.get_running_loop().time()
        async with asyncio.timeout(1000):
            await self.departure.run()
        assert (self.runtime / "drained").exists()
        return self.elapsed()

    @property
    def drained(self) -> bool:
        return (self.runtime / "drained").exists()


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    async def asked(folder: Path, **_: Any) -> AsyncIterator[set[Any]]:
        """The hook makes its file after one look that finds nothing."""
        assert folder == tmp_path
        yield set()
        (tmp_path / "stopping").touch()
        yield set()

    monkeypatch.setattr(departure, "awatch", asked)
    return Gateway(tmp_path)


async def test_where_nobody_sends_anything_only_the_nodes_are_waited_for(gateway: Gateway):
    assert await gateway.leaves() == pytest.approx(LAG)


@pytest.mark.looptime(False)
async def test_the_file_of_the_hook_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(departure, "LAG", 0.0)
    gateway = Gateway(tmp_path)
    (tmp_path / "drained").touch()
    leaving = asyncio.create_task(gateway.departure.run())
    while gateway.drained:
        await asyncio.wait({leaving}, timeout=0)
    assert not leaving.done()
    (tmp_path / "stopping").touch()
    async with asyncio.timeout(30):
        await leaving
    assert gateway.drained


async def test_what_a_former_departure_said_counts_no_more(gateway: Gateway):
    (gateway.runtime / "drained").touch()
    gateway.slices[OWN] = [HERE]
    gateway.at(5, gateway.slices[OWN].clear)
    assert await gateway.leaves() > 5


@pytest.mark.parametrize("path", [OWN, CALLERS], ids=["its own Service", "a Service for callers"])
async def test_it_waits_until_no_slice_lists_it_then_for_the_nodes(gateway: Gateway, path: str):
    gateway.slices[path] = [slice_of(("Pod", "gateway-2", True)), HERE]
    gateway.at(10, gateway.slices[path].pop)
    assert await gateway.leaves() == pytest.approx(10 + LAG, abs=PAUSE)
    assert min(gateway.looks) >= 10 + LAG


async def test_every_slice_of_callers_is_the_operator_s_and_no_other(gateway: Gateway):
    await gateway.leaves()
    assert gateway.selectors == {OWN: "", CALLERS: "endpointslice.kubernetes.io/managed-by=wakedock.dev"}


@pytest.mark.parametrize(
    "endpoint, waits",
    [
        (("Pod", "gateway-1", True), True),
        (("Pod", "gateway-1", None), True),
        (("Pod", "gateway-1", False), False),
        (("Pod", "gateway-2", True), False),
        (("Node", "gateway-1", True), False),
    ],
    ids=["ready", "not said, which means ready", "not ready", "another pod", "something else of that name"],
)
async def test_it_waits_for_an_endpoint_that_is(gateway: Gateway, endpoint: tuple[str, str, Ready], waits: bool):
    gateway.slices[OWN] = [slice_of(endpoint)]
    gateway.at(10, gateway.slices[OWN].clear)
    assert (await gateway.leaves() > 10) == waits


async def test_a_slice_without_endpoints_lists_nobody(gateway: Gateway):
    gateway.slices[OWN] = [{"endpoints": None}, {}, {"endpoints": [{"addresses": ["10.0.0.1"]}]}]
    assert await gateway.leaves() == pytest.approx(LAG)


async def test_while_the_api_server_is_away_it_is_taken_to_be_listed(gateway: Gateway):
    gateway.refusal = Unavailable("away")

    def back() -> None:
        gateway.refusal = None

    gateway.at(20, back)
    assert await gateway.leaves() == pytest.approx(20 + LAG, abs=UNKNOWN)


async def test_where_the_slices_may_not_be_read_it_waits_no_longer_than_for_the_nodes(gateway: Gateway):
    gateway.refusal = Forbidden("no roles any more")
    assert await gateway.leaves() == pytest.approx(UNKNOWN + LAG)


async def test_it_waits_until_what_is_in_flight_has_ended(gateway: Gateway):
    gateway.requests = 2

    def end() -> None:
        gateway.requests -= 1

    gateway.at(10, end)
    gateway.at(15, end)
    assert await gateway.leaves() == pytest.approx(15, abs=PAUSE)


async def test_a_caddy_that_has_ended_carries_nothing(gateway: Gateway):
    gateway.requests, gateway.caddy_runs = 1, False
    assert await gateway.leaves() == pytest.approx(LAG)


async def test_an_open_websocket_is_carried_for_as_long_as_it_lasts_so_that_only_the_hook_s_time_ends_it(gateway: Gateway):
    gateway.requests = 1
    leaving = asyncio.create_task(gateway.departure.run())
    await asyncio.sleep(10_000)
    assert not leaving.done()
    assert not gateway.drained
    leaving.cancel()
    await asyncio.wait({leaving})
