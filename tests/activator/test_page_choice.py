import pytest

from tests.activator.fake_gatekeeper import wake_service
from tests.activator.serving import BROWSER, Activator, activator
from wakedock_operator.activator.page.choice import accepts
from wakedock_operator.activator.questions import Granted

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def outcome(web: Activator, **headers: str) -> str:
    web.gatekeeper.decide(Granted())
    answer = await web.hold(**headers)
    held, visited = len(web.gatekeeper.asked), len(web.gatekeeper.visits)
    assert (answer.status, held, visited) in {(204, 1, 0), (503, 0, 1)}
    return "page" if visited else "held"


@pytest.mark.parametrize(
    "method,accept,mode,dest,answer",
    [
        pytest.param("GET", HTML, "navigate", "document", "page", id="a browser opens a page"),
        pytest.param("GET", "*/*", "navigate", "document", "page", id="a browser opens a page and says nothing about HTML"),
        pytest.param("GET", HTML, "navigate", "iframe", "held", id="a browser opens a page in a frame"),
        pytest.param("GET", HTML, "cors", "empty", "held", id="a script fetches HTML"),
        pytest.param("GET", "image/avif,*/*;q=0.8", "no-cors", "image", "held", id="an image"),
        pytest.param("GET", "", "websocket", "websocket", "held", id="a WebSocket"),
        pytest.param("GET", HTML, "", "", "page", id="an old browser opens a page"),
        pytest.param("GET", "*/*", "", "", "held", id="curl"),
        pytest.param("GET", "application/json", "", "", "held", id="an API client"),
        pytest.param("GET", "text/event-stream", "", "", "held", id="a stream of events"),
        pytest.param("GET", "text/html;q=0, */*", "", "", "held", id="somebody who wants no HTML"),
        pytest.param("GET", "", "", "", "held", id="somebody who says nothing"),
        pytest.param("POST", HTML, "navigate", "document", "held", id="a form is sent"),
        pytest.param("HEAD", HTML, "navigate", "document", "held", id="HEAD"),
        pytest.param("get", HTML, "navigate", "document", "held", id="a method of that name in lower case"),
    ],
)
async def test_only_opening_a_page_gets_the_waiting_page(method: str, accept: str, mode: str, dest: str, answer: str):
    async with activator() as web:
        assert answer == await outcome(web, x_wakedock_method=method, accept=accept, sec_fetch_mode=mode, sec_fetch_dest=dest)


@pytest.mark.parametrize("on_cold", ["Auto", "Page"])
async def test_a_websocket_is_held_whatever_its_client_accepts(on_cold: str):
    async with activator(wake_service(wake={"onCold": on_cold})) as web:
        assert await outcome(web, x_wakedock_method="GET", accept=HTML, x_wakedock_upgrade="websocket") == "held"


@pytest.mark.parametrize(
    "on_cold,method,accept,mode,answer",
    [
        ("Hold", "GET", HTML, "navigate", "held"),
        ("Page", "GET", HTML, "cors", "page"),
        ("Page", "GET", HTML, "", "page"),
        ("Page", "GET", "*/*", "navigate", "held"),
        ("Page", "POST", HTML, "navigate", "held"),
        ("Page", "HEAD", HTML, "navigate", "held"),
    ],
)
async def test_the_definition_may_overrule_the_choice(on_cold: str, method: str, accept: str, mode: str, answer: str):
    async with activator(wake_service(wake={"onCold": on_cold})) as web:
        headers = {"x_wakedock_method": method, "accept": accept, "sec_fetch_mode": mode, "sec_fetch_dest": "document"}
        assert answer == await outcome(web, **headers)


async def test_a_visit_carries_the_same_question_as_a_hold():
    async with activator() as web:
        await web.hold(**BROWSER)
        web.gatekeeper.decide(Granted())
        await web.hold()
        assert web.gatekeeper.visits == web.gatekeeper.asked


@pytest.mark.parametrize(
    "accept,answer",
    [
        ("text/html", True),
        ("TEXT/HTML", True),
        ("a/b , text/html;level=1;q=0.001", True),
        ("text/html;q=1.0", True),
        ("text/html;q=0", False),
        ("text/html; q=0.000", False),
        ("text/htmlx", False),
        ("text/*", False),
        ("", False),
        (";;,,", False),
    ],
)
def test_accept_is_read_as_the_standard_says(accept: str, answer: bool):
    assert accepts(accept, "text/html") is answer
