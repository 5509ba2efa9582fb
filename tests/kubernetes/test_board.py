"""The board in the API server: what an API server adds to what every Board promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.kubernetes.wakeservices_of_process import Cluster
from wakedock_operator.adapters.kubernetes.catalog import service_path
from wakedock_operator.adapters.kubernetes.client import PatchType, connect
from wakedock_operator.core.status import (
    Asker,
    Condition,
    Drain,
    DrainReason,
    Failure,
    FailureReason,
    Handled,
    Report,
    ReportKind,
    Serving,
    Status,
    StopIntent,
    WakeReason,
)
from wakedock_operator.ports.board import Conflict
from wakedock_operator.resource import API_VERSION, Key

pytestmark = pytest.mark.kubernetes
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def cluster(api: Path, namespace: str) -> AsyncIterator[Cluster]:
    connected = await connect(kubeconfig=api)
    yield Cluster(connected, namespace)
    await connected.close()


@pytest.fixture
async def watched(cluster: Cluster) -> AsyncIterator[Cluster]:
    task = asyncio.create_task(cluster.watching.run())
    await cluster.watching.synced.wait()
    yield cluster
    task.cancel()
    await asyncio.wait({task})


def status(uid: str, epoch: int = 0) -> Status:
    return Status(uid=uid, serving=Serving.AWAKE, epoch=epoch, since=NOW)


def full(uid: str) -> Status:
    return Status(
        uid=uid,
        serving=Serving.DRAINING,
        epoch=3,
        since=NOW,
        drain=Drain(
            DrainReason.START_FAILED, forced=True, cause=Failure("i1", FailureReason.EXITED, "exit 1: 'ü'"), backoff=4.5, rewake=True
        ),
        woken_by=WakeReason.REQUEST,
        asker=Asker(NOW, "GET", "hello.localhost", "/ä", "curl/8", "127.0.0.1"),
        failures=2,
        failed="i1",
        gateways=(Report("a", ReportKind.BUSY, 3, holding=True, asker=Asker(NOW, path="/")), Report("b", ReportKind.IDLE, 2, protocol=7)),
        stop=StopIntent(("i1", "i2")),
        generation=7,
        undone=2,
        undone_by="hpa",
        handled=Handled(wake="w", sleep="s", schedule=NOW),
        conditions=(Condition("Awake", "True", "Request", "", NOW),),
    )


async def test_what_a_swap_takes_out_is_gone(cluster: Cluster):
    uid = await cluster.define()
    first = await cluster.board.swap(cluster.key, None, full(uid))
    second = await cluster.board.swap(cluster.key, first, replace(status(uid, 4), gateways=first.gateways[:1]))
    assert replace(second, version=0, gateways=()) == status(uid, 4)
    assert [report.gateway for report in second.gateways] == ["a"]
    assert await cluster.board.read(cluster.key) == second


async def test_a_report_that_was_overtaken_is_merged_into_what_is_there_now(cluster: Cluster, api: Path):
    uid = await cluster.define()
    first = await cluster.board.swap(cluster.key, None, status(uid))
    connected = await connect(kubeconfig=api)
    other = Cluster(connected, cluster.namespace)
    assert await other.board.read(cluster.key) is not None
    await cluster.board.swap(cluster.key, first, status(uid, 1))
    answer = await other.board.report(cluster.key, uid, Report("a", ReportKind.DRAINED, 0))
    await connected.close()
    assert answer is not None
    assert (answer.epoch, answer.report_of("a")) == (1, None)


async def test_a_late_report_of_a_process_that_died_does_not_land_after_a_newer_one(cluster: Cluster):
    uid = await cluster.define()
    await cluster.board.swap(cluster.key, None, status(uid))
    seen = cluster.shelf.seen(cluster.key)
    assert seen is not None
    late = {
        "apiVersion": API_VERSION,
        "kind": "WakeService",
        "metadata": {"name": "hello", "namespace": cluster.namespace, "resourceVersion": str(seen.version)},
        "status": {"gateways": [{"name": "a", "kind": "Drained", "epoch": 0}]},
    }
    await cluster.board.report(cluster.key, uid, Report("a", ReportKind.BUSY, 0))
    from wakedock_operator.adapters.kubernetes.errors import Conflict as Refused

    with pytest.raises(Refused):
        await cluster.api.patch(service_path(cluster.key, "status"), late, kind=PatchType.APPLY, manager="wakedock-gateway-a", force=True)


async def test_a_status_goes_with_its_service_and_a_successor_begins_anew(cluster: Cluster):
    uid = await cluster.define()
    written = await cluster.board.swap(cluster.key, None, status(uid))
    await cluster.api.delete(service_path(cluster.key))
    with pytest.raises(Conflict):
        await cluster.board.swap(cluster.key, written, status(uid, 1))
    assert cluster.board.keys() == frozenset()
    successor = await cluster.define()
    assert successor != uid
    assert await cluster.board.read(cluster.key) is None
    with pytest.raises(Conflict):
        await cluster.board.swap(cluster.key, written, status(uid, 1))


async def test_a_status_of_a_newer_version_is_understood_as_far_as_it_goes(cluster: Cluster):
    uid = await cluster.define()
    written = await cluster.board.swap(cluster.key, None, full(uid))
    body = {
        "metadata": {"resourceVersion": str(written.version)},
        "status": {"wokenBy": "Moon", "drain": {"reason": "Tide"}, "gateways": [{"name": "a", "kind": "Dreaming", "epoch": 3}]},
    }
    await cluster.api.patch(service_path(cluster.key, "status"), body, kind=PatchType.MERGE)
    read = await cluster.board.read(cluster.key)
    assert read is not None
    assert (read.woken_by, read.drain, read.report_of("a")) == (None, None, ReportKind.BUSY)
    assert read.handled == full(uid).handled


async def test_definitions_and_wishes_come_by_watch(watched: Cluster):
    await watched.define()
    await watched.until(lambda: watched.key in watched.catalog.current().entries)
    await watched.annotate(wake="1", **{"keep-awake-until": "2030-01-01T00:00:00Z"})
    await watched.until(lambda: watched.catalog.current().entries[watched.key].wishes.wake == "1")
    entry = watched.catalog.current().entries[watched.key]
    assert entry.wishes.keep_awake_until == datetime(2030, 1, 1, tzinfo=UTC)
    await watched.api.delete(service_path(watched.key))
    await watched.until(lambda: watched.key not in watched.catalog.current().entries)


async def test_a_status_write_leaves_the_definition_the_same_object(watched: Cluster):
    uid = await watched.define()
    await watched.until(lambda: watched.key in watched.catalog.current().entries)
    entry = watched.catalog.current().entries[watched.key]
    await watched.board.swap(watched.key, None, status(uid))
    assert watched.catalog.current().entries[watched.key] is entry


async def test_a_wrong_annotation_affects_only_itself(watched: Cluster):
    await watched.define()
    await watched.annotate(wake="1", **{"keep-awake-until": "tomorrow"})
    await watched.until(lambda: bool(watched.catalog.current().problems))
    entry = watched.catalog.current().entries[watched.key]
    assert entry.wishes.wake == "1"
    assert entry.problem is not None
    assert "tomorrow" in entry.problem


async def test_a_person_asks_through_annotations(watched: Cluster):
    await watched.define()
    await watched.until(lambda: watched.key in watched.catalog.current().entries)
    until = datetime(2030, 1, 1, 12, tzinfo=UTC)
    assert (await watched.catalog.ask(watched.key, sleep="now")).sleep == "now"
    assert (await watched.catalog.ask(watched.key, keep_awake_until=until)).keep_awake_until == until
    assert (await watched.catalog.ask(watched.key, unpin=True)).keep_awake_until is None
    with pytest.raises(KeyError):
        await watched.catalog.ask(Key(watched.namespace, "nobody"), wake="1")


async def test_until_the_first_list_nothing_is_said_to_be_gone(cluster: Cluster):
    assert cluster.catalog.current().unreadable
    await cluster.define()
    cluster.shelf.replace_all([])
    assert not cluster.catalog.current().unreadable
    assert not cluster.catalog.current().entries
