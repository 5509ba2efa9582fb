"""The gateways with certificates from Secrets."""

import contextlib
import http.client
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster.authority import Authority
from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, app
from tests.cluster.workloads import Ledger

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def authority(tmp_path: Path, kubectl: Kubectl) -> Authority:
    """One that has signed `site` for every host of the namespace."""
    made = Authority(tmp_path)
    made.establish()
    made.issue("site", user="site", group="tests", names=(f"DNS:*.{kubectl.namespace}.test",))
    return made


@pytest.fixture
def secured(wakedock: Installation, authority: Authority) -> Iterator[Installation]:
    """WakeDock with that certificate, behind proxies of whatever address; afterwards as it was."""
    wakedock.kubectl("create", "secret", "tls", "e2e", f"--cert={authority.certificate('site')}", f"--key={authority.key('site')}")
    wakedock.install("gateway.tls.mode=Secrets", "gateway.tls.secrets={e2e}", "gateway.trustedProxies={0.0.0.0/0}")
    yield wakedock
    wakedock.install()
    wakedock.kubectl("delete", "secret", "e2e")


def test_https_with_a_certificate_from_a_secret(secured: Installation, kubectl: Kubectl, ledger: Ledger, authority: Authority):
    kubectl.apply(app(kubectl.namespace, "hello"))
    hello = Seen(kubectl, "hello")
    hello.ready()
    address = secured.address
    ledger.reach(address)
    asked = subprocess.run(
        [
            "curl",
            "--silent",
            "--cacert",
            str(authority.certificate("ca")),
            "--resolve",
            f"{hello.host}:443:{address}",
            f"https://{hello.host}/",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout.startswith("hello-")) == (0, True), asked.stderr

    plain = http.client.HTTPConnection(address, 80, timeout=30)
    with contextlib.closing(plain):
        plain.request("GET", "/page?a=b", headers={"Host": hello.host})
        moved = plain.getresponse()
        assert (moved.status, moved.headers["Location"]) == (308, f"https://{hello.host}/page?a=b")
    # What a proxy in front has taken out of TLS is not sent back to it.
    assert ask(address, hello.host, headers={"X-Forwarded-Proto": "https"})[0] == 200
    # Callers inside the cluster ask without TLS all the same.
    assert kubectl("exec", "deployment/ledger", "--", "/testapp", "get", "http://hello").startswith("200")
