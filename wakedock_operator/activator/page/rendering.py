"""Renders the waiting page. Every text in it is escaped: titles and messages are a tenant's, the host is a client's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from wakedock_operator.activator.page import progress as live
from wakedock_operator.activator.page.assets import Asset
from wakedock_operator.activator.page.words import FAILURES, LATE, PHASES, REFUSALS, elapsed_words, typical_words
from wakedock_operator.activator.problems import REFUSALS as PROBLEMS
from wakedock_operator.activator.problems import retry_after
from wakedock_operator.activator.questions import Phase, Progress, Refusal
from wakedock_operator.resource import WakeService

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""No `frame-ancestors`: an app that is shown in a frame must be able to wake there, and nothing on the page is worth a stolen click."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Sec-Fetch-Mode, Sec-Fetch-Dest",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
DAWN = 0.9
"""How full the bar is after the typical duration; the rest fills ever more slowly."""
STEPS = 20
"""The scene of a page without script has as many positions."""


@dataclass(frozen=True, slots=True)
class View:
    """What the template shows."""

    state: str
    """`waiting`, `failed` (tried again by itself) or `refused`."""
    headline: str
    explanation: str
    retry: int
    """Seconds after which the page asks again, where nothing else tells it to."""
    phase: Phase
    elapsed: float = 0.0
    typical: float | None = None

    @property
    def fill(self) -> float | None:
        """How full the bar is, from 0 to 1; None while nobody knows."""
        return None if self.typical is None else filled(self.elapsed, self.typical)

    @property
    def late(self) -> bool:
        """True when the start takes noticeably longer than usual."""
        return self.typical is not None and self.elapsed > 1.5 * self.typical + 1


def filled(elapsed: float, typical: float) -> float:
    """Linear up to the typical duration, then ever slower; never full. The page's script draws the same curve."""
    if typical <= 0:
        return DAWN
    turns = elapsed / typical
    return DAWN * turns if turns <= 1 else 1 - (1 - DAWN) / turns


class WaitingPages:
    """Renders pages from one template, read once."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        environment = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(
            style=assets["waiting.css"].url,
            script=assets["waiting.js"].url,
            icon=assets["icon.svg"].url,
            words=json.dumps({"phases": PHASES, "failures": FAILURES, "late": LATE}),
            elapsed_words=elapsed_words,
            typical_words=typical_words,
            late=LATE,
            steps=STEPS,
        )
        self._template = environment.get_template("waiting.html.j2")

    def waiting(self, service: WakeService, progress: Progress, *, host: str) -> web.Response:
        """The page of a wake that is under way: 503, and when to ask again. It has been asked for, even if nothing has happened yet."""
        refresh = int(retry_after(service.spec.waiting_page.refresh.total_seconds()))
        phase = Phase.ASKED if progress.phase is Phase.ASLEEP else progress.phase
        failed = phase is Phase.FAILED
        view = View(
            state="failed" if failed else "waiting",
            headline=PHASES[phase],
            explanation="" if progress.failure is None else FAILURES[progress.failure],
            retry=refresh,
            phase=phase,
            elapsed=progress.elapsed,
            typical=progress.typical,
        )
        return self._page(service, view, host=host, status=503, after=str(refresh))

    def refused(self, service: WakeService, refusal: Refusal, *, host: str) -> web.Response:
        """The page instead of a wake: the status of the problem, and the class of its cause."""
        headline, explanation = REFUSALS[refusal.reason]
        after = retry_after(refusal.retry_after)
        view = View(
            state="failed" if refusal.failure is not None else "refused",
            headline=headline,
            explanation=explanation if refusal.failure is None else FAILURES[refusal.failure],
            retry=int(after),
            phase=Phase.FAILED,
        )
        return self._page(service, view, host=host, status=PROBLEMS[refusal.reason].status, after=after)

    def _page(self, service: WakeService, view: View, *, host: str, status: int, after: str) -> web.Response:
        page = service.spec.waiting_page
        text = self._template.render(
            view=view,
            title=page.title or service.metadata.name,
            message=page.message or "",
            theme=page.theme.value,
            host=host,
            progress_url=_progress_url(service),
        )
        return web.Response(status=status, text=text, content_type="text/html", headers={**HEADERS, "Retry-After": after})


def _progress_url(service: WakeService) -> str:
    """Services that share a host by their paths share `/.wakedock/` too, so that each has to be named."""
    if service.spec.paths == ("/",):
        return live.URL
    return f"{live.URL}?{urlencode({'service': service.key.file_name})}"
