"""Every example is what the docs say of it: right, startable by a real installation, and showing what it claims to show."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.e2e.connection import Answer, ask
from tests.e2e.installation import Installation, installed
from wakedock_operator.adapters.files.check import check
from wakedock_operator.adapters.process.definition import refusals

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted((EXAMPLES / "services").glob("*.yaml"))
PAGE = ("Accept", "text/html")


def names(file: Path) -> list[str]:
    return [document["metadata"]["name"] for document in yaml.safe_load_all(file.read_text())]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_example_has_no_mistake(file: Path):
    assert check([file], refusals) == []


def test_all_examples_can_be_served_together():
    assert check([EXAMPLES / "services"], refusals) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_list_of_examples_names_each(file: Path):
    assert f"services/{file.name}" in (EXAMPLES / "README.md").read_text()


@asynccontextmanager
async def serving() -> AsyncIterator[Installation]:
    """A WakeDock that serves all examples."""
    tmpfs = Path("/dev/shm")
    runtime = Path(tempfile.mkdtemp(prefix="wd", dir=tmpfs if tmpfs.is_dir() else None))
    folder = Path(tempfile.mkdtemp(prefix="wakedock-examples-"))
    try:
        async with installed(folder, runtime, "-f", str(EXAMPLES / "services")) as installation:
            await installation.start()
            yield installation
    finally:
        shutil.rmtree(runtime)
        shutil.rmtree(folder)


async def said(port: int, host: str, path: str = "/") -> str:
    """What the app answers with 200."""
    answer = await ask(port, f"{host}.localhost", path)
    assert answer.status == 200, answer
    return answer.body.decode()


async def hello(one: Installation) -> None:
    assert "hello.yaml" in await said(one.port, "hello"), "it lists the folder of its definition"


async def static_site(one: Installation) -> None:
    assert "Good morning" in await said(one.port, "site", "/docs/")
    assert (await ask(one.port, "site.localhost", "/other")).status == 404


async def shop(one: Installation) -> None:
    assert "bread costs 3.20" in await said(one.port, "shop")
    assert one.instance("prices") is not None


async def prices(one: Installation) -> None:
    await said(one.port, "shop")
    record = await one.until("prices", lambda record: record["serving"] == "Awake" and _blocked(record) == "DependantAwake")
    assert record["serving"] == "Awake"


async def slow_starter(one: Installation) -> None:
    page = await ask(one.port, "slow.localhost", "/", headers=[PAGE])
    assert page.status == 503
    assert "The reading room is being opened." in page.body.decode()
    assert await said(one.port, "slow") == "The archive is open.\n"


async def office_hours(one: Installation) -> None:
    assert "Directory listing" in await said(one.port, "office")


async def visits(one: Installation) -> None:
    assert await said(one.port, "visits") == "visit 1\n"
    process = one.instance("visits")
    assert (await one.run("sleep", "visits"))[0] == 0
    assert await said(one.port, "visits") == "visit 2\n"
    now = one.instance("visits")
    assert process is not None
    assert now is not None
    assert now["pid"] == process["pid"]


async def live_clock(one: Installation) -> None:
    assert "EventSource" in await said(one.port, "clock")
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: clock.localhost\r\n\r\n")
    assert b"200 OK" in await reader.readline()
    assert b"data: " in await reader.readuntil(b"data: ")
    writer.close()


async def reports(one: Installation) -> None:
    answer = await ask(one.port, "reports.localhost", "/", "POST", body=b"")
    assert answer.status == 202
    await one.until("reports", lambda record: _blocked(record) == "AppVeto")
    await one.until_serving("reports", "Asleep")
    code, out, _ = await one.run("logs", "reports")
    assert (code, "a report is written" in out) == (0, True), out


async def monitored(one: Installation) -> None:
    async def looks() -> list[Answer]:
        return [
            await ask(one.port, "monitored.localhost", headers=[("User-Agent", "Mozilla/5.0 (compatible; UptimeRobot/2.0)")]),
            await ask(one.port, "monitored.localhost", "/healthz"),
            await ask(one.port, "monitored.localhost", "/", "HEAD"),
        ]

    asleep = await looks()
    assert [(answer.status, answer.body) for answer in asleep] == [(200, b"asleep"), (200, b"asleep"), (200, b"")]
    assert one.instance("monitored") is None
    assert "Directory listing" in await said(one.port, "monitored")
    await one.until_serving("monitored", "Awake")
    assert b"Directory listing" in (await looks())[0].body, "while it is awake, a monitor sees the app"


def _blocked(record: dict[str, list[dict[str, str]]]) -> str | None:
    return next((each["reason"] for each in record["conditions"] if each["type"] == "SleepBlocked" and each["status"] == "True"), None)


STORIES: dict[str, Callable[[Installation], Awaitable[None]]] = {
    story.__name__.replace("_", "-"): story
    for story in (hello, static_site, shop, prices, slow_starter, office_hours, visits, live_clock, reports, monitored)
}


def test_every_example_has_a_story():
    assert set(STORIES) == {name for file in FILES for name in names(file)}


@pytest.mark.e2e
@pytest.mark.caddy
async def test_the_examples_do_what_they_show():
    async with serving() as installation:
        for name, story in STORIES.items():
            print(f"example {name}")
            await story(installation)
