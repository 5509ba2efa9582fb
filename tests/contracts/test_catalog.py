"""What every Catalog promises."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from wakedock_operator.adapters.files.catalog import FileCatalog
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot, Wishes
from wakedock_operator.ports.fakes.catalog import FakeCatalog
from wakedock_operator.resource import Key, WakeService

WEB, DB = Key("default", "web"), Key("default", "db")
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def document(key: Key, **spec: Any) -> dict[str, Any]:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": "wakedock.dev/v1alpha1", "kind": "WakeService", "metadata": metadata, "spec": {"app": {"command": ["x"]}, **spec}}


class Source:
    """A catalogue over one source, and what a person does there."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    async def define(self, key: Key = WEB, **spec: Any) -> Entry:
        raise NotImplementedError

    async def spoil(self, key: Key = WEB) -> None:
        raise NotImplementedError

    async def end(self, key: Key = WEB) -> None:
        raise NotImplementedError

    async def readable(self, *, readable: bool) -> None:
        raise NotImplementedError

    def entry(self, key: Key = WEB) -> Entry:
        return self.catalog.current().entries[key]


class Memory(Source):
    def __init__(self) -> None:
        self.fake = FakeCatalog()
        super().__init__(self.fake)

    async def define(self, key: Key = WEB, **spec: Any) -> Entry:
        self.fake.define(WakeService.from_document(document(key, **spec)))
        return self.entry(key)

    async def spoil(self, key: Key = WEB) -> None:
        self.fake.spoil(key, "spec.replicas: must be a whole number")

    async def end(self, key: Key = WEB) -> None:
        self.fake.end(key)

    async def readable(self, *, readable: bool) -> None:
        self.fake.readable(readable=readable)


class Files(Source):
    def __init__(self, root: Path) -> None:
        self.folder, self.elsewhere = root / "services", root / "elsewhere"
        self.folder.mkdir()
        self.files = FileCatalog([self.folder], data=root / "data", refusals=lambda service: ())
        super().__init__(self.files)

    async def define(self, key: Key = WEB, **spec: Any) -> Entry:
        (self.folder / f"{key.name}.yaml").write_text(yaml.safe_dump(document(key, **spec)))
        await self.files.reload()
        return self.entry(key)

    async def spoil(self, key: Key = WEB) -> None:
        (self.folder / f"{key.name}.yaml").write_text(yaml.safe_dump(document(key, replicas="none")))
        await self.files.reload()

    async def end(self, key: Key = WEB) -> None:
        (self.folder / f"{key.name}.yaml").unlink()
        await self.files.reload()

    async def readable(self, *, readable: bool) -> None:
        if readable:
            self.elsewhere.rename(self.folder)
        else:
            self.folder.rename(self.elsewhere)
        await self.files.reload()


@pytest.fixture(params=["fake", "files"])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param == "fake":
        return Memory()
    files = Files(tmp_path)
    await files.files.load()
    return files


async def test_an_empty_source_has_no_services(source: Source):
    assert source.catalog.current() == Snapshot()


async def test_a_new_service_gets_a_uid_and_its_place(source: Source):
    web, db = await source.define(WEB), await source.define(DB)
    assert web.uid
    assert db.uid not in {"", web.uid}
    assert (web.key, web.generation, web.problem, web.wishes) == (WEB, 1, None, Wishes())
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
    assert (kept.service, kept.uid, kept.generation) == (good.service, good.uid, good.generation)
    assert kept.problem is not None
    assert "spec.replicas" in kept.problem
    assert (await source.define(replicas=3)).problem is None


async def test_a_service_that_has_ended_is_missing(source: Source):
    await source.define(WEB)
    await source.define(DB)
    await source.end(WEB)
    assert list(source.catalog.current().entries) == [DB]


async def test_a_source_that_cannot_be_read_is_unknown_and_not_empty(source: Source):
    before = await source.define()
    await source.readable(readable=False)
    snapshot = source.catalog.current()
    assert len(snapshot.unreadable) == 1
    assert [problem.source for problem in snapshot.problems] == list(snapshot.unreadable)
    assert snapshot.entries[WEB].service == before.service
    assert snapshot.entries[WEB].problem is not None
    await source.readable(readable=True)
    assert source.catalog.current() == Snapshot({WEB: before})


async def test_a_service_that_comes_back_is_the_same_one_until_it_was_forgotten(source: Source):
    first = await source.define()
    await source.end()
    assert (await source.define()).uid == first.uid
    await source.end()
    await source.catalog.forget(WEB, "another")
    assert (await source.define()).uid == first.uid
    await source.catalog.forget(WEB, first.uid)
    assert (await source.define()).uid == first.uid
    await source.end()
    await source.catalog.forget(WEB, first.uid)
    again = await source.define()
    assert again.uid != first.uid
    assert again.generation == 1


async def test_wishes_are_merged_and_shown(source: Source):
    await source.define()
    assert await source.catalog.ask(WEB, wake="1") == Wishes(wake="1")
    assert await source.catalog.ask(WEB, sleep="2", keep_awake_until=UNTIL) == Wishes("1", "2", UNTIL)
    assert await source.catalog.ask(WEB, wake="3") == Wishes("3", "2", UNTIL)
    assert source.entry().wishes == Wishes("3", "2", UNTIL)
    assert await source.catalog.ask(WEB, unpin=True) == Wishes("3", "2")


async def test_wishes_stay_with_a_changed_definition(source: Source):
    await source.define()
    await source.catalog.ask(WEB, wake="1")
    assert (await source.define(replicas=2)).wishes == Wishes(wake="1")


async def test_wishes_do_not_pass_to_a_new_service_of_the_same_name(source: Source):
    first = await source.define()
    await source.catalog.ask(WEB, keep_awake_until=UNTIL)
    await source.end()
    await source.catalog.forget(WEB, first.uid)
    assert (await source.define()).wishes == Wishes()


async def test_a_pin_means_an_instant_whatever_the_zone(source: Source):
    await source.define()
    wishes = await source.catalog.ask(WEB, keep_awake_until=UNTIL.astimezone(timezone(timedelta(hours=5))))
    assert wishes.keep_awake_until == UNTIL


async def test_a_wish_about_nobody_is_refused(source: Source):
    with pytest.raises(KeyError):
        await source.catalog.ask(WEB, wake="1")


async def test_readers_get_the_present_snapshot_then_the_newest(source: Source):
    await source.define(WEB)
    async with aclosing(source.catalog.changes()) as one, aclosing(source.catalog.changes()) as other:  # type: ignore[type-var]
        assert list((await anext(one)).entries) == [WEB]
        assert list((await anext(other)).entries) == [WEB]
        await source.define(DB)
        await source.define(WEB, replicas=2)
        for reader in (one, other):
            newest = await anext(reader)
            assert set(newest.entries) == {WEB, DB}
            assert newest.entries[WEB].generation == 2


async def test_a_published_snapshot_never_changes(source: Source):
    await source.define(WEB)
    before = source.catalog.current()
    await source.define(DB)
    await source.catalog.ask(WEB, wake="1")
    assert list(before.entries) == [WEB]
    assert before.entries[WEB].wishes == Wishes()
