"""A gateway whose rights are taken away, as by a role that is applied anew."""

from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.board import KubernetesBoard
from wakedock_operator.adapters.kubernetes.errors import refusal
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.core.status import Report, ReportKind
from wakedock_operator.ports.unreachable import Unreachable
from wakedock_operator.resource import Key

WIKI = Key("team-a", "wiki")


class Server:
    """Refuses every write."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def patch(self, path: str, *_: Any, **__: Any) -> Any:
        raise refusal(f"PATCH {path}", self._status, {"reason": "Forbidden", "message": "cannot patch resource"})


@pytest.mark.parametrize("status", [401, 403])
async def test_a_report_that_is_refused_is_tried_again_soon_and_not_ever_more_seldom(status: int):
    shelf = Shelf(lambda _: None)
    shelf.put(raw(WIKI) | {"status": {"serving": "Asleep", "epoch": 0, "since": "2026-01-01T00:00:00Z"}})
    board = KubernetesBoard(Server(status), shelf)  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match="cannot patch resource"):
        await board.report(WIKI, f"uid-{WIKI}", Report("gateway", ReportKind.BUSY, 0))
