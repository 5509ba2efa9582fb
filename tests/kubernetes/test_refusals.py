"""A WakeService that cannot be served says so itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.client import connect, resource_path
from wakedock_operator.adapters.kubernetes.refusals import Refusals
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.ports.fakes.clock import FakeClock
from wakedock_operator.ports.fakes.journal import FakeJournal
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import API_VERSION, Key, WakeService

pytestmark = pytest.mark.kubernetes


def only_two_hosts(service: WakeService) -> str | None:
    return "spec.hosts: one host too many" if len(service.spec.hosts) > 2 else None


def wiki(*hosts: str) -> dict[str, Any]:
    spec = {"hosts": list(hosts), "port": 8080, "app": {"image": "wiki:1"}}
    return {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "wiki"}, "spec": spec}


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
async def shelf(api: Path, namespace: str, journal: FakeJournal) -> AsyncIterator[Shelf]:
    connected = await connect(kubeconfig=api)
    shelf = Shelf(only_two_hosts)
    path = resource_path(API_VERSION, PLURAL, namespace=namespace)
    watching = Watching(connected, path, put=shelf.put, drop=shelf.drop, replace_all=shelf.replace_all)
    refusals = Refusals(connected, shelf, journal, FakeClock())
    tasks = [asyncio.create_task(watching.run()), asyncio.create_task(refusals.run())]
    yield shelf
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await connected.close()


async def test_the_reason_stands_in_its_status_and_among_its_events(shelf: Shelf, kubectl: Kubectl, journal: FakeJournal):
    await asyncio.to_thread(kubectl.apply, wiki("a.test", "b.test", "c.test"))
    await asyncio.to_thread(kubectl, "wait", "--for=condition=Accepted=False", "wakeservice/wiki", "--timeout=20s")
    status = kubectl.get("wakeservice", "wiki")["status"]
    told = {each["type"]: (each["status"], each["reason"], each["message"]) for each in status["conditions"]}
    assert told == {
        "Accepted": ("False", "Invalid", "spec.hosts: one host too many"),
        "Ready": ("False", "NotAccepted", "spec.hosts: one host too many"),
    }
    assert (status["state"], status["observedGeneration"]) == ("Refused", 1)
    assert [(event.kind, event.message) for event in journal.recorded] == [(EventKind.REJECTED, "spec.hosts: one host too many")]


async def test_what_stands_there_is_not_written_again(shelf: Shelf, kubectl: Kubectl, journal: FakeJournal, api: Path, namespace: str):
    await asyncio.to_thread(kubectl.apply, wiki("a.test", "b.test", "c.test"))
    await asyncio.to_thread(kubectl, "wait", "--for=condition=Accepted=False", "wakeservice/wiki", "--timeout=20s")
    version = kubectl.get("wakeservice", "wiki")["metadata"]["resourceVersion"]
    connected = await connect(kubeconfig=api)
    await Refusals(connected, shelf, journal, FakeClock())._work(Key(namespace, "wiki"))
    await connected.close()
    assert kubectl.get("wakeservice", "wiki")["metadata"]["resourceVersion"] == version


async def test_one_that_was_served_and_is_unreadable_now_has_not_ended(shelf: Shelf, kubectl: Kubectl, namespace: str):
    """As after a restart: nobody remembers the last good definition."""
    await asyncio.to_thread(kubectl.apply, wiki("a.test"))
    status = {"status": {"serving": "Asleep", "epoch": 3, "since": "2026-01-01T00:00:00Z"}}
    await asyncio.to_thread(kubectl.apply, wiki("a.test", "b.test", "c.test"))
    kubectl("patch", "wakeservice/wiki", "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
    raw = kubectl.get("wakeservice", "wiki")
    fresh = Shelf(only_two_hosts)
    fresh.replace_all([raw])
    assert (fresh.keys(), fresh.status(Key(namespace, "wiki"))) == (frozenset(), None)
    assert [seen.key for seen in fresh.refused()] == [Key(namespace, "wiki")]


async def test_the_second_for_one_workload_is_told_and_served_once_the_first_is_gone(shelf: Shelf, kubectl: Kubectl, namespace: str):
    def named(name: str) -> dict[str, Any]:
        spec = {"hosts": [f"{name}.test"], "port": 8080, "targetRef": {"kind": "Deployment", "name": "wiki"}}
        return {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": name}, "spec": spec}

    await asyncio.to_thread(kubectl.apply, wiki("a.test"))
    await asyncio.to_thread(kubectl.apply, named("docs"))
    async for _ in shelf.definitions.follow([None]):
        if refused := [seen.key.name for seen in shelf.refused()]:
            break
    (second,), (first,) = refused, {"wiki", "docs"} - set(refused)
    await asyncio.to_thread(kubectl, "wait", "--for=condition=Accepted=False", f"wakeservice/{second}", "--timeout=20s")
    messages = {each["type"]: each["message"] for each in kubectl.get("wakeservice", second)["status"]["conditions"]}
    assert f"Deployment wiki belongs to the WakeService {first}, which was first" in messages["Accepted"]
    assert shelf.snapshot().entries.keys() == {Key(namespace, first)}
    await asyncio.to_thread(kubectl, "delete", "wakeservice", first)
    async for _ in shelf.definitions.follow([None]):
        if shelf.snapshot().entries.keys() == {Key(namespace, second)}:
            break
