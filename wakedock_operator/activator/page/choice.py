"""Page or hold: what a request gets that arrives while the app does not answer."""

from wakedock_operator.activator.hold_request import HoldRequest
from wakedock_operator.resource import OnCold


def wants_page(asked: HoldRequest, on_cold: OnCold) -> bool:
    """True when the waiting page is the better answer; everything else is held and gets the app's own answer.

    `Auto`: a browser opens a page. `Page`: any GET that accepts HTML by name; `*/*` alone is what every program says, so it does not count.
    Only a GET can be repeated by the page, so a form's POST is held under every setting, and so are HEAD and WebSockets.
    """
    if asked.method != "GET" or asked.upgrade or on_cold is OnCold.HOLD:
        return False
    html = accepts(asked.accept, "text/html")
    if on_cold is OnCold.PAGE:
        return html
    if asked.fetch_mode:
        return asked.fetch_mode == "navigate" and asked.fetch_dest == "document"
    return html


def accepts(accept: str, media_type: str) -> bool:
    """True when an Accept header (RFC 9110, 12.5.1) names `media_type` itself with a weight above zero."""
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name == media_type:
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().strip("0") in {"", "."}
