import re
from html.parser import HTMLParser

import pytest

from tests.activator.fake_gatekeeper import wake_service
from tests.activator.serving import BROWSER, activator
from wakedock_operator.activator.page.rendering import DAWN, filled
from wakedock_operator.activator.page.words import FAILURES, PHASES, REFUSALS, elapsed_words, typical_words
from wakedock_operator.activator.questions import Phase, Progress, Refusal, RefusalReason
from wakedock_operator.core.status import FailureReason

HOSTILE = """"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}{env.HOME}&amp;</title>"""


class Elements(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def test_the_page_is_503_that_nobody_keeps():
    async with activator(wake_service(waitingPage={"refresh": "7s"})) as web:
        answer = await web.hold(**BROWSER)
    assert answer.status == 503
    assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
    said = {name: value for name, value in answer.headers.items() if name not in {"Date", "Content-Length", "Content-Type"}}
    assert said == {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Retry-After": "7",
        "Vary": "Accept, Sec-Fetch-Mode, Sec-Fetch-Dest",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


async def test_the_page_shows_title_message_theme_and_progress():
    page = {"title": "Team wiki", "message": "One moment.\nThank you.", "theme": "dark"}
    async with activator(wake_service(waitingPage=page)) as web:
        await web.gatekeeper.advance(Progress(Phase.STARTED, elapsed=65.4, typical=60.0))
        seen = Elements(await (await web.hold(**BROWSER)).text())
    assert seen.all("html")[0]["data-theme"] == "dark"
    assert "Team wiki: Started, waiting for the first answer" in seen.text
    assert "One moment.\nThank you." in seen.text
    assert "1 min 5 s" in seen.text
    assert "Usually takes about 60 seconds." in seen.text
    assert seen.all("progress")[0]["value"] == "0.908"


async def test_without_a_title_the_page_bears_the_services_name():
    async with activator() as web:
        assert "web: Waking up" in Elements(await (await web.hold(**BROWSER)).text()).text


async def test_what_was_asleep_a_moment_ago_is_waking_up_now():
    async with activator() as web:
        await web.gatekeeper.advance(Progress(Phase.ASLEEP))
        seen = Elements(await (await web.hold(**BROWSER)).text())
    assert "web: Waking up" in seen.text
    assert seen.all("main")[0]["data-phase"] == "asked"


async def test_without_past_wakes_the_bar_is_open_ended():
    async with activator() as web:
        seen = Elements(await (await web.hold(**BROWSER)).text())
    assert "value" not in seen.all("progress")[0]
    assert "Usually" not in seen.text


async def test_a_start_that_takes_longer_than_usual_says_so():
    async with activator() as web:
        await web.gatekeeper.advance(Progress(Phase.STARTED, elapsed=40, typical=10.0))
        assert "longer than usual" in Elements(await (await web.hold(**BROWSER)).text()).text


async def test_without_script_the_page_loads_itself_again():
    async with activator(wake_service(waitingPage={"refresh": "7s"})) as web:
        page = await (await web.hold(**BROWSER)).text()
    assert '<noscript><meta http-equiv="refresh" content="7"></noscript>' in page
    assert "loads itself again every 7 seconds" in page


async def test_whatever_others_wrote_is_shown_as_text():
    async with activator(wake_service(waitingPage={"title": HOSTILE, "message": HOSTILE})) as web:
        page = await (await web.hold(**BROWSER, x_wakedock_host=HOSTILE, x_wakedock_path=HOSTILE)).text()
    seen = Elements(page)
    assert seen.text.count(HOSTILE) == 4  # title, heading, message, host
    assert len(seen.all("script")) == 1
    assert seen.all("img") == []
    assert seen.all("main")[0]["data-title"] == HOSTILE


async def test_nothing_in_the_page_needs_more_than_its_policy_allows():
    async with activator(wake_service(waitingPage={"message": "m"})) as web:
        page = await (await web.hold(**BROWSER)).text()
        seen = Elements(page)
        for _, attributes in seen.tags:
            assert not any(name == "style" or name.startswith("on") for name in attributes)
        assert seen.all("style") == []
        assert re.search(r"<script[^>]*></script>", page)
        assert "http:" not in page
        assert "https:" not in page
        for url in re.findall(r'(?:src|href)="(/[^"]+)"', page):
            assert url.startswith("/.wakedock/assets/")
            assert (await web.get(url)).status == 200


@pytest.mark.parametrize("reason,status", [(RefusalReason.SUSPENDED, 503), (RefusalReason.UNKNOWN, 404), (RefusalReason.TIMED_OUT, 504)])
async def test_a_refused_visit_says_why_with_the_status_of_the_problem(reason: RefusalReason, status: int):
    async with activator() as web:
        web.gatekeeper.refuse_visits = Refusal(reason, retry_after=30)
        answer = await web.hold(**BROWSER)
        seen = Elements(await answer.text())
    assert answer.status == status
    assert answer.headers["Retry-After"] == "30"
    assert all(words in seen.text for words in REFUSALS[reason])
    assert seen.all("main")[0]["data-state"] == "refused"
    assert seen.all("progress") == []


@pytest.mark.parametrize("failure", list(FailureReason))
async def test_a_failed_start_is_explained_in_plain_words(failure: FailureReason):
    async with activator() as web:
        web.gatekeeper.refuse_visits = Refusal(RefusalReason.START_FAILED, failure, retry_after=12)
        answer = await web.hold(**BROWSER)
        seen = Elements(await answer.text())
    assert answer.headers["Retry-After"] == "12"
    assert FAILURES[failure] in seen.text
    assert seen.all("main")[0]["data-state"] == "failed"


async def test_a_wake_that_has_failed_meanwhile_is_explained_too():
    async with activator() as web:
        await web.gatekeeper.advance(Progress(Phase.FAILED, elapsed=3, failure=FailureReason.EXITED))
        seen = Elements(await (await web.hold(**BROWSER)).text())
    assert FAILURES[FailureReason.EXITED] in seen.text
    assert seen.all("main")[0]["data-state"] == "failed"


def test_there_are_words_for_everything():
    assert PHASES.keys() == set(Phase)
    assert FAILURES.keys() == set(FailureReason)
    assert REFUSALS.keys() == set(RefusalReason)


@pytest.mark.parametrize(
    "elapsed,typical,fill", [(0, 10, 0), (5, 10, 0.45), (10, 10, DAWN), (20, 10, 0.95), (1000, 10, 0.999), (1, 0, DAWN), (0, 0, DAWN)]
)
def test_the_bar_slows_down_and_is_never_full(elapsed: float, typical: float, fill: float):
    assert filled(elapsed, typical) == pytest.approx(fill)


@pytest.mark.parametrize("seconds,words", [(0.9, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (3725, "62 min 5 s")])
def test_elapsed_seconds_are_whole(seconds: float, words: str):
    assert elapsed_words(seconds) == words


@pytest.mark.parametrize(
    "seconds,words",
    [
        (0.2, "Usually takes about a second."),
        (1.2, "Usually takes about 2 seconds."),
        (90, "Usually takes about 90 seconds."),
        (95, "Usually takes about 2 minutes."),
        (600, "Usually takes about 10 minutes."),
    ],
)
def test_a_typical_duration_is_a_sentence(seconds: float, words: str):
    assert typical_words(seconds) == words
