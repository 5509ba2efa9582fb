import asyncio
import json
import os
import time
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from wakedock_operator.adapters.files import remembered, sources
from wakedock_operator.adapters.files.atomic import write_json
from wakedock_operator.adapters.files.catalog import SETTLED, FileCatalog
from wakedock_operator.ports.catalog import Entry, Snapshot
from wakedock_operator.resource import Key

WEB, DB = Key("default", "web"), Key("default", "db")
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def yaml(name: str, *, needs: str = "", **fields: str) -> str:
    spec = {"app": "{command: [serve]}", "dependsOn": f"[{needs}]"} | fields
    lines = "".join(f"  {field}: {value}\n" for field, value in spec.items())
    return f"---\napiVersion: wakedock.dev/v1alpha1\nkind: WakeService\nmetadata: {{name: {name}}}\nspec:\n{lines}"


class Installation:
    """A folder of definitions and a data directory; each `start` is a new process as far as the catalogue can tell."""

    def __init__(self, root: Path) -> None:
        self.services, self.data = root / "services", root / "data"
        self.services.mkdir()
        self._uids = count(1)
        self.later = 0.0
        """Seconds that have passed on top of the real ones."""
        self.catalog = self._new([self.services])

    def _new(self, paths: list[Path]) -> FileCatalog:
        return FileCatalog(
            paths,
            data=self.data,
            refusals=lambda service: (),
            new_uid=lambda: f"uid-{next(self._uids)}",
            monotonic=lambda: time.monotonic() + self.later,
        )

    def write(self, name: str, *documents: str) -> Path:
        path = self.services / name
        path.write_text("".join(documents))
        return path

    async def start(self, *paths: Path) -> Snapshot:
        self.catalog = self._new(list(paths) or [self.services])
        return await self.catalog.load()

    async def entry(self, key: Key = WEB) -> Entry:
        return (await self.catalog.reload()).entries[key]


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


async def test_services_of_several_files_and_documents_are_served_in_order(here: Installation):
    here.write("b.yml", yaml("c"), yaml("a"))
    here.write("a.yaml", yaml("b"))
    for ignored in ("notes.txt", ".hidden.yaml"):
        here.write(ignored, yaml("x"))
    (here.services / "folder.yaml").mkdir()
    snapshot = await here.start()
    assert [(entry.order, entry.key.name, entry.uid, entry.generation) for entry in snapshot.entries.values()] == [
        (1, "b", "uid-1", 1),
        (2, "c", "uid-2", 1),
        (3, "a", "uid-3", 1),
    ]
    assert (snapshot.problems, snapshot.unreadable) == ((), ())
    assert snapshot.entries[Key("default", "a")].source == str(here.services / "b.yml")


async def test_a_named_pipe_is_told_and_holds_up_nobody(here: Installation):
    os.mkfifo(here.services / "pipe.yaml")
    here.write("web.yaml", yaml("web"))
    snapshot = await here.start()
    assert list(snapshot.entries) == [WEB]
    assert [problem.message for problem in snapshot.problems] == [f"{here.services}/pipe.yaml cannot be read: it is no regular file"]


async def test_an_emptied_file_keeps_what_it_defined_until_it_is_deleted(here: Installation):
    path = here.write("web.yaml", yaml("web"))
    await here.start()
    path.write_text("\n")
    assert (await here.entry()).uid == "uid-1"
    path.unlink()
    assert not (await here.catalog.reload()).entries


async def test_files_count_in_the_order_in_which_they_are_named_and_once(here: Installation):
    first, second = here.write("a.yaml", yaml("a")), here.write("b.yaml", yaml("b"))
    snapshot = await here.start(second, here.services, first)
    assert [entry.key.name for entry in snapshot.entries.values()] == ["b", "a"]
    assert snapshot.problems == ()


async def test_the_generation_grows_with_the_definition_only(here: Installation):
    path = here.write("a.yaml", yaml("web"))
    await here.start()
    here.write("a.yaml", "# a note\n", yaml("web"))
    assert (await here.entry()).generation == 1
    here.write("a.yaml", yaml("web", replicas="2"))
    assert (await here.entry()).generation == 2
    path.rename(here.services / "z.yaml")
    entry = await here.entry()
    assert (entry.generation, entry.uid, entry.source) == (2, "uid-1", str(here.services / "z.yaml"))


async def test_relative_paths_start_at_the_folder_of_the_file(here: Installation):
    here.write("a.yaml", yaml("web", app="{command: [x], workingDir: sub, envFrom: [{file: .env}, {file: /etc/x}]}"), yaml("db"))
    entries = (await here.start()).entries
    web, db = entries[WEB].service.spec.app, entries[DB].service.spec.app
    assert web is not None
    assert db is not None
    assert web.working_dir == str(here.services / "sub")
    assert [each.file for each in web.env_from] == [str(here.services / ".env"), "/etc/x"]
    assert db.working_dir == str(here.services)


BROKEN = [
    pytest.param(yaml("web", replicas="none"), "spec.replicas: must be a whole number", id="a wrong value"),
    pytest.param(yaml("web", repliccas="2"), "did you mean 'replicas'?", id="an unknown field"),
    pytest.param("---\nkind: [\n", "not YAML", id="no YAML"),
    pytest.param(yaml("Web!"), "metadata.name", id="a broken name"),
    pytest.param("---\nfoo: 1\n", "metadata", id="no WakeService"),
    pytest.param(yaml("web", needs="nobody"), "there is no service default/nobody", id="a missing dependency"),
    pytest.param("\udcff", "UTF-8", id="no text"),
]


@pytest.mark.parametrize("text, message", BROKEN)
async def test_a_broken_definition_keeps_the_last_good_one_over_restarts_and_says_why(here: Installation, text: str, message: str):
    path = here.write("a.yaml", yaml("web", replicas="7"))
    await here.start()
    path.write_bytes(text.encode(errors="surrogateescape"))
    for snapshot in (await here.catalog.reload(), await here.start()):
        entry = snapshot.entries[WEB]
        assert (entry.service.spec.replicas, entry.uid, entry.generation) == (7, "uid-1", 1)
        assert entry.problem is not None
        assert message in entry.problem
        assert f"{path}:" in entry.problem
        assert snapshot.problems == ()
    here.write("a.yaml", yaml("web", replicas="8"))
    entry = await here.entry()
    assert (entry.service.spec.replicas, entry.uid, entry.generation, entry.problem) == (8, "uid-1", 2, None)


@pytest.mark.parametrize("text, message", BROKEN)
async def test_a_broken_definition_that_never_was_good_is_a_problem(here: Installation, text: str, message: str):
    path = here.services / "a.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    here.write("b.yaml", yaml("db"))
    snapshot = await here.start()
    assert list(snapshot.entries) == [DB]
    assert any(message in problem.message and problem.source == str(path) for problem in snapshot.problems)


async def test_a_broken_document_leaves_the_others_of_its_file(here: Installation):
    here.write("a.yaml", yaml("web"), yaml("db"))
    await here.start()
    here.write("a.yaml", yaml("web", replicas="0"), yaml("db", replicas="2"))
    entries = (await here.catalog.reload()).entries
    assert entries[WEB].problem is not None
    assert (entries[DB].problem, entries[DB].service.spec.replicas) == (None, 2)


async def test_a_service_that_is_gone_from_a_readable_source_is_gone(here: Installation):
    path = here.write("a.yaml", yaml("web"), yaml("db"))
    await here.start()
    here.write("a.yaml", yaml("db"))
    await here.catalog.reload()
    here.later = SETTLED
    assert list((await here.catalog.reload()).entries) == [DB]
    path.unlink()
    assert (await here.catalog.reload()).entries == {}


async def test_what_a_file_does_not_hold_yet_while_it_is_written_goes_on(here: Installation):
    """What it holds already counts at once, and a service that goes on keeps its pin."""
    here.write("a.yaml", yaml("web"), yaml("db"))
    await here.start()
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    await here.catalog.ask(DB, keep_awake_until=noon)
    for part in (yaml("web", replicas="2"), yaml("web", replicas="2") + "---\n"):
        here.write("a.yaml", part)
        for _ in range(2):
            snapshot = await here.catalog.reload()
            assert (snapshot.entries[WEB].service.spec.replicas, snapshot.problems) == (2, ())
            assert (snapshot.entries[DB].uid, snapshot.entries[DB].problem) == ("uid-2", None)
    here.write("a.yaml", yaml("web", replicas="2"), yaml("db", replicas="3"))
    entry = await here.entry(DB)
    assert (entry.uid, entry.service.spec.replicas, entry.wishes.keep_awake_until) == ("uid-2", 3, noon)
    here.later = 2 * SETTLED
    assert await here.entry(DB) == entry


async def test_a_source_that_cannot_be_read_is_unknown_and_not_empty(here: Installation, tmp_path: Path):
    single = tmp_path / "single.yaml"
    single.write_text(yaml("db"))
    here.write("a.yaml", yaml("web"))
    await here.start(here.services, single)
    here.services.rename(tmp_path / "elsewhere")
    single.unlink()
    for snapshot in (await here.catalog.reload(), await here.start(here.services, single)):
        assert snapshot.unreadable == (str(here.services), str(single))
        assert snapshot.problems[0].message.startswith(f"{here.services} cannot be read: No such file")
        assert {key: entry.uid for key, entry in snapshot.entries.items()} == {WEB: "uid-1", DB: "uid-2"}
        assert all("cannot be read: No such file" in (entry.problem or "") for entry in snapshot.entries.values())
    (tmp_path / "elsewhere").rename(here.services)
    assert (await here.entry()).problem is None


async def test_a_path_that_does_not_exist_counts_as_a_mistake_only_where_nothing_is_remembered(here: Installation):
    nowhere = here.services / "nowhere.yaml"
    assert FileCatalog.absent([here.services, nowhere], data=here.data) == (nowhere,)
    assert FileCatalog.absent([here.services], data=here.data) == ()
    here.write("a.yaml", yaml("web"))
    await here.start()
    assert FileCatalog.absent([here.services, nowhere], data=here.data) == ()


async def test_a_file_that_cannot_be_read_keeps_its_services_only(here: Installation):
    web, _ = here.write("a.yaml", yaml("web")), here.write("b.yaml", yaml("db"))
    await here.start()
    web.unlink()
    web.symlink_to(here.services / "nowhere")
    (here.services / "b.yaml").unlink()
    snapshot = await here.catalog.reload()
    assert list(snapshot.entries) == [WEB]
    assert snapshot.unreadable == (str(web),)


async def test_a_service_in_two_files_is_served_from_the_one_that_had_it_first(here: Installation):
    late = here.write("b.yaml", yaml("web", replicas="2"))
    await here.start()
    early = here.write("a.yaml", yaml("web", replicas="3"))
    for snapshot in (await here.catalog.reload(), await here.start()):
        assert snapshot.entries[WEB].service.spec.replicas == 2
        (problem,) = snapshot.problems
        assert problem.source == str(early)
        assert f"already defined in {late}:2" in problem.message
    late.unlink()
    assert (await here.entry()).service.spec.replicas == 3


async def test_a_new_cycle_is_refused_and_spelled_out_while_what_ran_before_goes_on(here: Installation):
    here.write("a.yaml", yaml("web", needs="db"), yaml("db"))
    await here.start()
    here.write("a.yaml", yaml("web", needs="db"), yaml("db", needs="web"))
    entries = (await here.catalog.reload()).entries
    assert entries[DB].service.dependencies == ()
    assert "default/db → default/web → default/db" in (entries[DB].problem or "")
    assert entries[WEB].service.dependencies == (DB,)


async def test_a_cycle_of_new_services_is_not_served(here: Installation):
    here.write("a.yaml", yaml("web", needs="db"), yaml("db", needs="web"), yaml("last", needs="web"))
    snapshot = await here.start()
    assert snapshot.entries == {}
    assert [problem.message.rpartition("dependsOn")[2] for problem in snapshot.problems] == [
        ": the service depends on itself: default/web → default/db → default/web; take one of these out",
        ": the service depends on itself: default/db → default/web → default/db; take one of these out",
        "[0]: the service default/web has mistakes of its own; mend them first",
    ]


async def test_a_service_whose_dependency_went_away_stays_and_says_so(here: Installation):
    here.write("a.yaml", yaml("web", needs="db"))
    db = here.write("b.yaml", yaml("db"))
    await here.start()
    db.unlink()
    entries = (await here.catalog.reload()).entries
    assert list(entries) == [WEB]
    assert "there is no service default/db" in (entries[WEB].problem or "")


async def test_a_name_that_comes_back_has_its_uid_until_it_was_forgotten(here: Installation):
    path = here.write("a.yaml", yaml("web"))
    await here.start()
    path.unlink()
    await here.catalog.reload()
    here.write("a.yaml", yaml("web"))
    assert (await here.entry()).uid == "uid-1"
    await here.catalog.forget(WEB, "uid-1")
    assert (await here.entry()).uid == "uid-1", "a service that is served is not forgotten"
    path.unlink()
    await here.start()
    await here.catalog.forget(WEB, "another uid")
    assert (here.data / "definitions" / "default.web.json").exists()
    await here.catalog.forget(WEB, "uid-1")
    assert not (here.data / "definitions" / "default.web.json").exists()
    here.write("a.yaml", yaml("web"))
    assert (await here.entry()).uid == "uid-2"


async def test_wishes_are_shown_merged_and_kept_over_restarts(here: Installation):
    here.write("a.yaml", yaml("web"))
    await here.start()
    await here.catalog.ask(WEB, wake="token")
    wishes = await here.catalog.ask(WEB, keep_awake_until=UNTIL)
    assert (wishes.wake, wishes.sleep, wishes.keep_awake_until) == ("token", "", UNTIL)
    assert here.catalog.current().entries[WEB].wishes == wishes
    assert (await here.start()).entries[WEB].wishes == wishes
    assert (await here.catalog.ask(WEB, unpin=True)).keep_awake_until is None
    assert (await here.start()).entries[WEB].wishes.keep_awake_until is None


async def test_wishes_do_not_pass_to_a_new_service_of_the_same_name(here: Installation):
    path = here.write("a.yaml", yaml("web"))
    await here.start()
    await here.catalog.ask(WEB, keep_awake_until=UNTIL)
    path.unlink()
    await here.catalog.reload()
    await here.catalog.forget(WEB, "uid-1")
    here.write("a.yaml", yaml("web"))
    entry = await here.entry()
    assert (entry.uid, entry.wishes.keep_awake_until) == ("uid-2", None)


async def test_wishes_about_nobody_or_without_time_zone_are_refused(here: Installation):
    here.write("a.yaml", yaml("web"))
    await here.start()
    with pytest.raises(KeyError):
        await here.catalog.ask(DB, wake="x")
    with pytest.raises(ValueError, match="time zone"):
        await here.catalog.ask(WEB, keep_awake_until=datetime(2030, 1, 1))  # noqa: DTZ001


async def test_a_full_disk_costs_no_definition_and_no_wish_and_is_told(here: Installation, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, value: object, *, durable: bool) -> None:
        raise OSError(28, "No space left on device")

    here.write("a.yaml", yaml("web"))
    with monkeypatch.context() as patched:
        patched.setattr(remembered, "write_json", full)
        snapshot = await here.start()
        assert [problem.source for problem in snapshot.problems] == [str(here.data / "definitions" / "default.web.json")]
        with pytest.raises(OSError, match="No space"):
            await here.catalog.ask(WEB, keep_awake_until=UNTIL)
        await here.catalog.ask(WEB, wake="token")
    snapshot = here.catalog.current()
    assert (snapshot.entries[WEB].wishes.keep_awake_until, snapshot.entries[WEB].wishes.wake) == (UNTIL, "token")
    assert "No space left" in snapshot.problems[1].message
    await here.catalog.ask(WEB, keep_awake_until=UNTIL)
    assert (await here.catalog.reload()).problems == ()
    assert (await here.start()).entries[WEB].uid == "uid-1"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"uid": "x"}', "\0"])
async def test_a_damaged_memory_is_told_and_written_anew(here: Installation, content: str):
    here.write("a.yaml", yaml("web"))
    await here.start()
    record = here.data / "definitions" / "default.web.json"
    record.write_text(content)
    snapshot = await here.start()
    assert (snapshot.entries[WEB].uid, snapshot.problems) == ("uid-2", ())
    assert json.loads(record.read_text())["uid"] == "uid-2"


async def test_a_remembered_definition_of_another_version_keeps_its_uid(here: Installation):
    here.write("a.yaml", yaml("web"))
    await here.start()
    record = here.data / "definitions" / "default.web.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"service": {"kind": "Older"}}))
    entry = (await here.start()).entries[WEB]
    assert (entry.uid, entry.generation) == ("uid-1", 2)


async def test_changes_yield_the_present_snapshot_then_the_newest(here: Installation):
    here.write("a.yaml", yaml("web"))
    await here.start()
    async with aclosing(here.catalog.changes()) as changes:
        assert list((await anext(changes)).entries) == [WEB]
        await here.catalog.ask(WEB, wake="1")
        await here.catalog.ask(WEB, wake="2")
        assert (await anext(changes)).entries[WEB].wishes.wake == "2"
        await here.catalog.reload()
        await here.catalog.ask(WEB, wake="3")
        assert (await anext(changes)).entries[WEB].wishes.wake == "3"


async def test_changed_new_and_replaced_files_and_folders_are_noticed(here: Installation, tmp_path: Path):
    here.write("a.yaml", yaml("web"))
    later = tmp_path / "later.yaml"
    await here.start(here.services, later)
    running = asyncio.create_task(here.catalog.run())
    try:
        async with asyncio.timeout(60), aclosing(here.catalog.changes()) as changes:

            async def until(*names: str) -> None:
                async for snapshot in changes:
                    if {key.name for key in snapshot.entries} == set(names):
                        return

            here.write("b.yaml", yaml("db"))
            await until("web", "db")
            (tmp_path / "new").write_text(yaml("late"))
            (tmp_path / "new").rename(later)
            await until("web", "db", "late")
            (here.services / "a.yaml").unlink()
            await until("db", "late")
            elsewhere = tmp_path / "elsewhere"
            elsewhere.write_text(yaml("linked"))
            (here.services / "link.yaml").symlink_to(elsewhere)
            await until("db", "late", "linked")
            elsewhere.write_text(yaml("changed"))
            await until("db", "late", "changed")
            here.services.rename(tmp_path / "old")
            here.services.mkdir()
            await until("late")
            here.write("c.yaml", yaml("again"))
            await until("late", "again")
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_file_that_is_too_large_or_goes_while_it_is_read_is_handled(here: Installation, monkeypatch: pytest.MonkeyPatch):
    path = here.write("a.yaml", yaml("web"))
    await here.start()
    monkeypatch.setattr(sources, "MAX_BYTES", 10)
    snapshot = await here.catalog.reload()
    assert (list(snapshot.entries), snapshot.unreadable) == ([WEB], (str(path),))
    monkeypatch.setattr(sources, "_yaml_files", lambda folder: iter([folder / "deleted.yaml"]))
    snapshot = await here.catalog.reload()
    assert (snapshot.entries, snapshot.unreadable) == ({}, ())


async def test_a_folder_that_may_not_be_listed_is_unknown(here: Installation, monkeypatch: pytest.MonkeyPatch):
    def forbidden(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    here.write("a.yaml", yaml("web"))
    await here.start()
    monkeypatch.setattr(sources, "_yaml_files", forbidden)
    snapshot = await here.catalog.reload()
    assert snapshot.unreadable == (str(here.services),)
    assert snapshot.entries[WEB].problem == f"{here.services / 'a.yaml'} cannot be read: Permission denied"


async def test_a_write_that_fails_leaves_the_old_content_and_no_scratch_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1}, durable=True)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"a": 2}, durable=False)
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
