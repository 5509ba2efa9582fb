"""`wakedock gateway`, as far as it needs no cluster."""

import asyncio
from pathlib import Path

import pytest

from wakedock_operator.adapters.caddy.options import Tls
from wakedock_operator.cli import gateway
from wakedock_operator.cli.cluster_settings import GatewaySettings
from wakedock_operator.errors import ConfigurationMistake


class Routes:
    """Counts how often it is to apply again."""

    def __init__(self) -> None:
        self.again = asyncio.Event()

    def apply_again(self) -> None:
        self.again.set()


async def test_a_renewed_certificate_is_applied_when_the_link_moves(tmp_path: Path):
    """As kubelet does: the files lie in a folder of their time, and a link says which one counts."""
    for version in ("one", "two"):
        (tmp_path / version / "site").mkdir(parents=True)
        (tmp_path / version / "site" / "tls.crt").write_text(version)
    (tmp_path / "..data").symlink_to("one")
    routes = Routes()
    following = asyncio.create_task(gateway._follow_certificates(tmp_path, routes))  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        while not routes.again.is_set():
            (tmp_path / "..data.new").symlink_to("two")
            (tmp_path / "..data.new").rename(tmp_path / "..data")
            await asyncio.wait([asyncio.create_task(routes.again.wait())], timeout=0.5)
    following.cancel()
    await asyncio.wait({following})


@pytest.mark.parametrize(
    "given, tls",
    [({}, Tls.OFF), ({"certificates": "/certificates"}, Tls.FILES), ({"acme_storage": "/shared"}, Tls.AUTO)],
)
def test_where_certificates_come_from(given: dict[str, str], tls: Tls):
    options = gateway._caddy(GatewaySettings.model_validate({"name": "a", **given}))
    assert options.tls is tls
    assert (str(options.data) == "/shared") == (tls is Tls.AUTO)


def test_two_ways_to_certificates_are_one_too_many():
    settings = GatewaySettings.model_validate({"name": "a", "certificates": "/certificates", "acme_storage": "/shared"})
    with pytest.raises(ConfigurationMistake, match="give one of them"):
        gateway.run(settings)


def test_a_gateway_has_a_name():
    with pytest.raises(ConfigurationMistake, match="needs a name"):
        gateway.run(GatewaySettings())
