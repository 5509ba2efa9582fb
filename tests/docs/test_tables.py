"""What the pages list by hand is what the code knows."""

import pytest

from tests.docs.blocks import ROOT
from wakedock_operator.adapters.caddy.client_headers import TRUSTED_HEADERS
from wakedock_operator.core.status import FailureReason
from wakedock_operator.core.vetoes import VetoReason

DOCS = ROOT / "docs"
# The first is asked for by a person and answered at once, the second is about several gateways, the third about a drain under way.
NOT_LISTED = {VetoReason.GATEWAY_UNREACHABLE, VetoReason.DRAINING_IN_FLIGHT}


@pytest.mark.parametrize("reason", sorted(set(VetoReason) - NOT_LISTED))
def test_every_reason_to_stay_awake_is_explained(reason: VetoReason):
    assert f"| `{reason}` |" in (DOCS / "how-to/find-out-why.md").read_text()


@pytest.mark.parametrize("reason", sorted(FailureReason))
def test_every_cause_of_a_failed_start_is_explained(reason: FailureReason):
    assert f"`{reason}`" in (DOCS / "how-to/find-out-why.md").read_text()


@pytest.mark.parametrize("header", TRUSTED_HEADERS)
def test_every_header_that_is_deleted_is_listed(header: str):
    assert f"`{header}`" in (DOCS / "explanation/security.md").read_text()
