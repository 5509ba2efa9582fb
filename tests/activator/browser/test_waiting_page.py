import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.activator.browser.chromium import chromium, missing
from tests.activator.browser.front import Front, front
from tests.activator.fake_gatekeeper import FakeGatekeeper, wake_service
from tests.activator.serving import Activator, activator
from wakedock_operator.activator.questions import Phase, Progress, Refusal, RefusalReason
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key, WakeService

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

PATIENCE = 30
"""Bounds a wait; nothing is measured by it."""
PAGE = {"title": "Team wiki", "message": "It sleeps when nobody reads it.", "refresh": "1s"}


@pytest.fixture
async def served() -> AsyncIterator[tuple[Activator, Front]]:
    async with activator(wake_service(waitingPage=PAGE)) as made, front(made.socket) as before:
        yield made, before


@pytest.fixture
def gatekeeper(served: tuple[Activator, Front]) -> FakeGatekeeper:
    return served[0].gatekeeper


@pytest.fixture
def site(served: tuple[Activator, Front]) -> Front:
    return served[1]


@pytest.fixture
def browser(runtime_dir: Path) -> Iterator[Chrome]:
    with chromium(runtime_dir) as driver:
        yield driver


async def drive(action: Callable[..., Any], *arguments: Any) -> Any:
    """The browser's driver blocks; the page's server must not."""
    return await asyncio.to_thread(action, *arguments)


async def text_of(browser: Chrome, element: str) -> str:
    return str(await drive(lambda: browser.find_element(By.ID, element).text))


async def until(browser: Chrome, condition: Callable[[Chrome], Any]) -> None:
    await drive(WebDriverWait(browser, PATIENCE, poll_frequency=0.05).until, condition)


def shows(element: str, text: str) -> Callable[[Chrome], bool]:
    script = "const e = document.getElementById(arguments[0]); return e !== null && e.textContent.includes(arguments[1])"
    return lambda browser: bool(browser.execute_script(script, element, text))


def opened_app(browser: Chrome) -> bool:
    return bool(browser.find_elements(By.ID, "app"))


async def complaints(browser: Chrome) -> list[str]:
    """What the console says beyond the 503 of the page itself."""
    entries = await drive(browser.get_log, "browser")
    return [entry["message"] for entry in entries if "status of 503" not in entry["message"]]


async def test_the_page_follows_the_start_and_opens_the_app_at_the_same_address(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    await drive(browser.get, f"{site.url}/docs/a%20b?page=2#part")
    await until(browser, shows("phase", "Waking up"))
    assert await text_of(browser, "phase") == "Waking up"
    await gatekeeper.wait_until("followers")
    for progress, words in (
        (Progress(Phase.DEPENDENCIES, 1, 10.0), "Starting what it depends on"),
        (Progress(Phase.STARTED, 5, 10.0), "Started, waiting for the first answer"),
    ):
        await gatekeeper.advance(progress)
        await until(browser, shows("phase", words))
    assert await text_of(browser, "elapsed") == "5 s"
    assert await drive(browser.execute_script, "return document.getElementById('bar').value") == pytest.approx(0.45)
    assert await drive(lambda: browser.title) == "Team wiki: Started, waiting for the first answer"
    assert await complaints(browser) == []
    site.awake = True
    await gatekeeper.advance(Progress(Phase.READY, 9, 10.0))
    await until(browser, opened_app)
    assert await drive(lambda: browser.current_url) == f"{site.url}/docs/a%20b?page=2#part"
    assert site.asked == ["/docs/a%20b?page=2"]
    assert len(gatekeeper.visits) == 1


async def test_a_heartbeat_moves_the_clock_between_phases(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    await gatekeeper.advance(Progress(Phase.STARTING, 3, 10.0))
    await drive(browser.get, site.url)
    await gatekeeper.wait_until("followers")
    gatekeeper.now = Progress(Phase.STARTING, 75, 10.0)
    await until(browser, shows("elapsed", "1 min 15 s"))
    await until(browser, shows("usual", "longer than usual"))


async def test_a_failure_is_explained_and_the_page_asks_again_by_itself(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    await drive(browser.get, site.url)
    await gatekeeper.wait_until("followers")
    gatekeeper.refuse_visits = Refusal(RefusalReason.START_FAILED, FailureReason.PORT_TAKEN, retry_after=3600)
    await gatekeeper.advance(Progress(Phase.FAILED, 4, failure=FailureReason.EXITED))
    await until(browser, shows("explanation", "It ended right after it was started."))
    # The second visit is the page's own, a second later; it learns the next cause and how long to wait.
    await until(browser, shows("explanation", "Another program is using its port."))
    await until(browser, shows("note", "Trying again in"))
    assert len(gatekeeper.visits) == 2
    assert await drive(lambda: browser.find_element(By.ID, "again").is_displayed())
    assert await complaints(browser) == []
    site.awake = True
    await drive(lambda: browser.find_element(By.ID, "again").click())
    await until(browser, opened_app)


async def test_an_app_that_was_ready_before_the_page_came_is_not_asked_in_a_tight_loop(
    browser: Chrome, site: Front, gatekeeper: FakeGatekeeper
):
    await gatekeeper.advance(Progress(Phase.READY, 1, 1.0))
    await drive(browser.get, site.url)
    await until(browser, lambda _: len(site.asked) >= 3)
    site.awake = True
    await until(browser, opened_app)
    # A slow machine makes these longer, never shorter.
    assert all(later - earlier >= 1 for earlier, later in pairwise(site.asked_at))


async def test_a_stream_that_is_refused_leaves_the_page_asking(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    def awake_and_unknown(key: Key) -> WakeService | None:
        site.awake = True
        return None

    def known_once(key: Key) -> WakeService | None:
        gatekeeper.service = awake_and_unknown  # type: ignore[method-assign]
        return gatekeeper.services.get(key)

    gatekeeper.service = known_once  # type: ignore[method-assign]
    await drive(browser.get, site.url)
    await until(browser, opened_app)
    assert len(site.asked) == 1


async def test_a_tab_nobody_looks_at_asks_for_no_start(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    gatekeeper.refuse_visits = Refusal(RefusalReason.START_FAILED, FailureReason.EXITED, retry_after=1)
    hide = {"source": "window.away = true; Object.defineProperty(document, 'hidden', {get: () => window.away})"}
    await drive(browser.execute_cdp_cmd, "Page.addScriptToEvaluateOnNewDocument", hide)
    await drive(browser.get, site.url)
    await until(browser, lambda _: browser.execute_script("return performance.now() > 3000"))
    assert len(site.asked) == 1
    site.awake = True
    await drive(browser.execute_script, "window.away = false")
    await until(browser, opened_app)


async def test_without_script_the_page_gets_to_the_app_too(runtime_dir: Path, site: Front, gatekeeper: FakeGatekeeper):
    with chromium(runtime_dir, javascript=False) as browser:
        await drive(browser.get, f"{site.url}/form?x=1")
        body = await text_of(browser, "wait")
        assert "Team wiki" in body
        assert "The app opens here" not in body
        site.awake = True
        await until(browser, opened_app)
        assert await drive(lambda: browser.current_url) == f"{site.url}/form?x=1"
        assert gatekeeper.followers == 0


async def test_hostile_text_is_only_text(browser: Chrome, site: Front, gatekeeper: FakeGatekeeper):
    hostile = "</title></main>\"'><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
    service = wake_service(waitingPage={"title": hostile, "message": hostile})
    gatekeeper.services[service.key] = service
    await drive(browser.get, site.url)
    await gatekeeper.wait_until("followers")
    await gatekeeper.advance(Progress(Phase.STARTING, 1))
    await until(browser, shows("phase", "Starting"))
    assert await drive(browser.execute_script, "return [window.hit, document.querySelector('h1').textContent]") == [None, hostile]
    assert await drive(lambda: browser.title) == f"{hostile}: Starting"
    assert await complaints(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "refusal", [None, Refusal(RefusalReason.START_FAILED, FailureReason.EXITED, retry_after=3600)], ids=["waiting", "failed"]
)
async def test_every_text_has_enough_contrast_and_fits_a_phone(
    browser: Chrome, site: Front, gatekeeper: FakeGatekeeper, scheme: str, refusal: Refusal | None
):
    gatekeeper.refuse_visits = refusal
    phone = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    await drive(browser.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", phone)
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    await drive(browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", features)
    await drive(browser.get, site.url)
    found = json.loads(await drive(browser.execute_script, CONTRASTS))
    assert found["scheme"] == scheme
    assert found["wide"] <= 320
    assert len(found["contrasts"]) >= 5
    assert {text: ratio for text, ratio in found["contrasts"].items() if ratio < 4.5} == {}


CONTRASTS = """
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => {
  const [r, g, b] = c.match(/[0-9.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const page = getComputedStyle(document.documentElement);
const contrasts = {};
for (const e of document.querySelectorAll('h1, p, a, span, footer')) {
  const text = e.textContent.trim();
  if (!text || !e.checkVisibility()) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(page.backgroundColor)].sort((x, y) => y - x);
  contrasts[text] = (a + 0.05) / (b + 0.05);
}
return JSON.stringify({contrasts, scheme: page.colorScheme, wide: document.documentElement.scrollWidth});
"""
