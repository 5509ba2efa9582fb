"""What `helm test` does: how it asks for its sample, and that a real gateway understands it, with TLS and without."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.caddy.conftest import app, directory, options, port
from tests.adapters.caddy.gateway import App, Gateway, route
from tests.adapters.caddy.test_tls import self_signed
from tests.charts.conftest import CHART, Render
from tests.charts.objects import Object, of_kind
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.resource import Key, WakeService

__all__ = ["app", "directory", "options", "port"]  # fixtures

pytestmark = pytest.mark.charts

SCRIPT = CHART / "files/wake_sample.py"
HOST = "wakedock-test.wakedock.invalid"
SECRETS = ("gateway.tls.mode=Secrets", "gateway.tls.secrets={one}")
ACME = ("gateway.tls.mode=ACME", "gateway.tls.acme.existingClaim=one", "gateway.replicas=1")


def asked(objects: list[Object]) -> tuple[tuple[str, ...], str, str]:
    """The hosts of the sample, and where the pod asks for which."""
    sample = WakeService.from_document({each: of_kind(objects, "WakeService")["wakedock-test"][each] for each in ("metadata", "spec")})
    (container,) = of_kind(objects, "Pod")["wakedock-test"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in container["env"]}
    return sample.spec.hosts, told["GATEWAY"], told["SAMPLE_HOST"]


@pytest.mark.parametrize(
    "values, expected",
    [
        ((), ((HOST,), "http://wakedock-gateway.wakedock:80/copyright", HOST)),
        (ACME, ((HOST,), "https://wakedock-gateway.wakedock:443/copyright", HOST)),
        (("allowedHosts.team-a={*.a.test}",), ((HOST,), "http://wakedock-gateway.wakedock:80/copyright", HOST)),
        ((*SECRETS, "test.host=try.a.test"), (("try.a.test",), "https://wakedock-gateway.wakedock:443/copyright", "try.a.test")),
        (
            ("allowedHosts.wakedock={*.a.test}", "test.host=try.a.test"),
            (("try.a.test",), "http://wakedock-gateway.wakedock:80/copyright", "try.a.test"),
        ),
        (SECRETS, ((), "http://wakedock-test.wakedock:80/copyright", "wakedock-test.wakedock")),
        (("allowedHosts.wakedock={*.a.test}",), ((), "http://wakedock-test.wakedock:80/copyright", "wakedock-test.wakedock")),
        (
            ('--set-json=allowedHosts={"*": []}', "watchNamespaces={team-a}"),
            ((), "http://wakedock-test.team-a:80/copyright", "wakedock-test.team-a"),
        ),
    ],
    ids=[
        "in clear",
        "with certificates of an authority",
        "with hosts of other namespaces",
        "with certificates for a host",
        "with an allowed host",
        "with certificates of who knows what",
        "with other hosts allowed",
        "without any host allowed, in a watched namespace",
    ],
)
def test_the_sample_is_asked_for_where_it_can_be_had(render: Render, values: tuple[str, ...], expected: tuple[tuple[str, ...], str, str]):
    assert asked(render(*values)) == expected


async def woken(url: str, host: str) -> str:
    """What the pod of the test says until it ends well. It asks each second, as a gateway may not know the sample yet."""
    environment = {"PATH": os.environ["PATH"], "GATEWAY": url, "SAMPLE_HOST": host}
    pod = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(60):
            said, _ = await pod.communicate()
    finally:
        if pod.returncode is None:
            pod.kill()
    assert pod.returncode == 0, said
    return said.decode()


@pytest.mark.caddy
@pytest.mark.parametrize("tls", [Tls.OFF, Tls.AUTO, Tls.FILES])
async def test_a_gateway_answers_it_once_it_knows_the_sample(options: CaddyOptions, port: int, directory: Path, app: App, tls: Tls):
    pair = directory / "certificates" / "one"
    pair.mkdir(parents=True)
    for made, name in zip(self_signed(directory, HOST), ("tls.crt", "tls.key"), strict=True):
        made.rename(pair / name)
    certificates = pair.parent if tls is Tls.FILES else None
    gateway = Gateway(replace(options, tls=tls, certificates=certificates), port)
    await gateway.edge.start()
    try:
        await gateway.routed()
        asking = asyncio.create_task(woken(f"http{'' if tls is Tls.OFF else 's'}://localhost:{port}/copyright", HOST))
        await gateway.routed(route("sample", HOST))
        gateway.edge.steer(Key("default", "sample"), app.address)
        assert "the sample app woke" in await asking
    finally:
        await gateway.edge.stop()
