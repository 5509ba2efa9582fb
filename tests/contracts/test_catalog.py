"""What every Catalog promises."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.conftest import api, namespace
from wakedock_operator.adapters.files.catalog import FileCatalog
from wakedock_operator.adapters.kubernetes.catalog import KubernetesCatalog, service_path
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, connect
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot, Wishes
from wakedock_operator.ports.fakes.catalog import FakeCatalog
from wakedock_operator.resource import Key, WakeService

__all__ = ["api", "namespace"]  # fixtures

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
TOO_MANY = 99


def document(key: Key, **spec: Any) -> dict[str, Any]:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": "wakedock.dev/v1alpha1", "kind": "WakeService", "metadata": metadata, "spec": {"app": {"command": ["x"]}, **spec}}


class Source:
    """A catalogue over one source, and what a person does there. Without a key it is about `web`."""

    def __init__(self, catalog: Catalog, namespace: str = "default") -> None:
        self.catalog = catalog
        self.web, self.db = Key(namespace, "web"), Key(namespace, "db")

    async def define(self, key: Key | None = None, **spec: Any) -> Entry:
        raise NotImplementedError

    async def spoil(self, key: Key | None = None) -> None:
        raise NotImplementedError

    async def end(self, key: Key | None = None) -> None:
        raise NotImplementedError

    async def readable(self, *, readable: bool) -> None:
        raise NotImplementedError

    def entry(self, key: Key | None = None) -> Entry:
        return self.catalog.current().entries[key or self.web]


class Memory(Source):
    def __init__(self) -> None:
        self.fake = FakeCatalog()
        super().__init__(self.fake)

    async def define(self, key: Key | None = None, **spec: Any) -> Entry:
        self.fake.define(WakeService.from_document(document(key or self.web, **spec)))
        return self.entry(key)

    async def spoil(self, key: Key | None = None) -> None:
        self.fake.spoil(key or self.web, "spec.replicas: must be a whole number")

    async def end(self, key: Key | None = None) -> None:
        self.fake.end(key or self.web)

    async def readable(self, *, readable: bool) -> None:
        self.fake.readable(readable=readable)


class Files(Source):
    def __init__(self, root: Path) -> None:
        self.folder, self.elsewhere = root / "services", root / "elsewhere"
        self.folder.mkdir()
        self.files = FileCatalog([self.folder], data=root / "data", refusals=lambda service: ())
        super().__init__(self.files)

    async def define(self, key: Key | None = None, **spec: Any) -> Entry:
        self._file(key).write_text(yaml.safe_dump(document(key or self.web, **spec)))
        await self.files.reload()
        return self.entry(key)

    async def spoil(self, key: Key | None = None) -> None:
        self._file(key).write_text(yaml.safe_dump(document(key or self.web, replicas="none")))
        await self.files.reload()

    async def end(self, key: Key | None = None) -> None:
        self._file(key).unlink()
        await self.files.reload()

    async def readable(self, *, readable: bool) -> None:
        if readable:
            self.elsewhere.rename(self.folder)
        else:
            self.folder.rename(self.elsewhere)
        await self.files.reload()

    def _file(self, key: Key | None) -> Path:
        return self.folder / f"{(key or self.web).name}.yaml"


class Cluster(Source):
    """WakeServices in the API server. What it lets through although nobody can serve it is what the operator's settings refuse."""

    def __init__(self, client: Api, namespace: str) -> None:
        self.client = client
        self.shelf = Shelf(lambda service: "spec.replicas: too many" if service.spec.replicas == TOO_MANY else None)
        self.shelf.replace_all([])
        super().__init__(KubernetesCatalog(client, self.shelf), namespace)

    async def define(self, key: Key | None = None, **spec: Any) -> Entry:
        wanted = document(key or self.web, app={"image": "web:1"}, **spec)
        self.shelf.put(await self.client.patch(service_path(key or self.web), wanted, kind=PatchType.APPLY, manager="person"))
        return self.entry(key)

    async def spoil(self, key: Key | None = None) -> None:
        await self.define(key, replicas=TOO_MANY)

    async def end(self, key: Key | None = None) -> None:
        before = self.entry(key)
        await self.client.delete(service_path(before.key))
        self.shelf.end(before.key, before.uid)


@pytest.fixture(params=["fake", "files", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Source]:
    if request.param == "fake":
        yield Memory()
    elif request.param == "files":
        files = Files(tmp_path)
        await files.files.load()
        yield files
    else:
        client = await connect(kubeconfig=request.getfixturevalue("api"))
        yield Cluster(client, request.getfixturevalue("namespace"))
        await client.close()


not_on_kubernetes = pytest.mark.parametrize("source", ["fake", "files"], indirect=True)
"""For what a source must do because nobody else does it; each test says who does it on Kubernetes."""


async def test_an_empty_source_has_no_services(source: Source):
    assert source.catalog.current() == Snapshot()


async def test_a_new_service_gets_a_uid_and_its_place(source: Source):
    web, db = await source.define(source.web), await source.define(source.db)
    assert web.uid
    assert db.uid not in {"", web.uid}
    assert (web.key, web.generation, web.problem, web.wishes) == (source.web, 1, None, Wishes())
    assert db.order != web.order


@not_on_kubernetes
async def test_who_comes_later_has_a_later_place(source: Source):
    """The API server tells creations apart by the second; within one, all that matters is that every process sees the same order."""
    web, db = await source.define(source.web), await source.define(source.db)
    assert db.order > web.order


async def test_the_generation_grows_with_the_definition_only(source: Source):
    first = await source.define()
    assert await source.define() == first
    changed = await source.define(replicas=2)
    assert (changed.uid, changed.order, changed.generation) == (first.uid, first.order, 2)
    assert changed.service.spec.replicas == 2


async def test_a_broken_definition_keeps_the_last_good_one_and_says_why(source: Source):
    good = await source.define(replicas=3)
    await source.spoil()
    kept = source.entry()
    assert (kept.service, kept.uid) == (good.service, good.uid)
    assert kept.problem is not None
    assert "spec.replicas" in kept.problem
    assert (await source.define(replicas=3)).problem is None


@not_on_kubernetes
async def test_a_broken_definition_is_no_new_generation(source: Source):
    """The API server counts what is written, good or not, and conditions name the generation by that count."""
    good = await source.define(replicas=3)
    await source.spoil()
    assert source.entry().generation == good.generation


async def test_a_service_that_has_ended_is_missing(source: Source):
    await source.define(source.web)
    await source.define(source.db)
    await source.end(source.web)
    assert list(source.catalog.current().entries) == [source.db]


@not_on_kubernetes
async def test_a_source_that_cannot_be_read_is_unknown_and_not_empty(source: Source):
    """Of an API server that is away nothing is heard, so that everything stays as it was; only before the first list is it unreadable."""
    before = await source.define()
    await source.readable(readable=False)
    snapshot = source.catalog.current()
    assert len(snapshot.unreadable) == 1
    assert [problem.source for problem in snapshot.problems] == list(snapshot.unreadable)
    assert snapshot.entries[source.web].service == before.service
    assert snapshot.entries[source.web].problem is not None
    await source.readable(readable=True)
    assert source.catalog.current() == Snapshot({source.web: before})


@not_on_kubernetes
async def test_a_service_that_comes_back_is_the_same_one_until_it_was_forgotten(source: Source):
    """The API server gives each object a uid of its own, and forgets it with the object."""
    first = await source.define()
    await source.end()
    assert (await source.define()).uid == first.uid
    await source.end()
    await source.catalog.forget(source.web, "another")
    assert (await source.define()).uid == first.uid
    await source.catalog.forget(source.web, first.uid)
    assert (await source.define()).uid == first.uid
    await source.end()
    await source.catalog.forget(source.web, first.uid)
    again = await source.define()
    assert again.uid != first.uid
    assert again.generation == 1


async def test_wishes_are_merged_and_shown(source: Source):
    await source.define()
    assert await source.catalog.ask(source.web, wake="1") == Wishes(wake="1")
    assert await source.catalog.ask(source.web, sleep="2", keep_awake_until=UNTIL) == Wishes("1", "2", UNTIL)
    assert await source.catalog.ask(source.web, wake="3") == Wishes("3", "2", UNTIL)
    assert source.entry().wishes == Wishes("3", "2", UNTIL)
    assert await source.catalog.ask(source.web, unpin=True) == Wishes("3", "2")


async def test_wishes_stay_with_a_changed_definition(source: Source):
    await source.define()
    await source.catalog.ask(source.web, wake="1")
    assert (await source.define(replicas=2)).wishes == Wishes(wake="1")


async def test_wishes_do_not_pass_to_a_new_service_of_the_same_name(source: Source):
    first = await source.define()
    await source.catalog.ask(source.web, keep_awake_until=UNTIL)
    await source.end()
    await source.catalog.forget(source.web, first.uid)
    assert (await source.define()).wishes == Wishes()


async def test_a_pin_means_an_instant_whatever_the_zone(source: Source):
    await source.define()
    wishes = await source.catalog.ask(source.web, keep_awake_until=UNTIL.astimezone(timezone(timedelta(hours=5))))
    assert wishes.keep_awake_until == UNTIL


async def test_a_wish_about_nobody_is_refused(source: Source):
    with pytest.raises(KeyError):
        await source.catalog.ask(source.web, wake="1")


async def test_readers_get_the_present_snapshot_then_the_newest(source: Source):
    await source.define(source.web)
    async with aclosing(source.catalog.changes()) as one, aclosing(source.catalog.changes()) as other:  # type: ignore[type-var]
        assert list((await anext(one)).entries) == [source.web]
        assert list((await anext(other)).entries) == [source.web]
        await source.define(source.db)
        await source.define(source.web, replicas=2)
        for reader in (one, other):
            newest = await anext(reader)
            assert set(newest.entries) == {source.web, source.db}
            assert newest.entries[source.web].generation == 2


async def test_a_published_snapshot_never_changes(source: Source):
    await source.define(source.web)
    before = source.catalog.current()
    await source.define(source.db)
    await source.catalog.ask(source.web, wake="1")
    assert list(before.entries) == [source.web]
    assert before.entries[source.web].wishes == Wishes()
