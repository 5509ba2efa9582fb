"""Certificates towards clients, and TLS and HTTP/2 towards apps."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.adapters.caddy.gateway import App, Gateway, route
from wakedock_operator.adapters.caddy.certificates import needs_internal, tls_apps, to_https
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.core.routing import Upstream
from wakedock_operator.resource import Key

WEB = Key("default", "web")


def root_certificate(gateway: Gateway) -> Path:
    return gateway.options.home / "storage" / "pki" / "authorities" / "local" / "root.crt"


async def internally_signed(gateway: Gateway, host: str) -> Path:
    """Wait until Caddy has made the certificate, which it does beside the apply."""
    certificate = (
        gateway.options.home
        / "storage"
        / "certificates"
        / "local"
        / host.replace("*", "wildcard_")
        / f"{host.replace('*', 'wildcard_')}.crt"
    )
    async with asyncio.timeout(30):
        while not certificate.exists():
            await asyncio.sleep(0.02)
    return certificate


@pytest.mark.caddy
@pytest.mark.parametrize("tls", [Tls.INTERNAL, Tls.AUTO])
async def test_hosts_get_certificates_of_the_own_authority_and_http2(options, port, directory, app, tls):
    gateway = Gateway(replace(options, tls=tls), port)
    await gateway.edge.start()
    try:
        await gateway.routed(route("web", "web.localhost", "*.web.localhost"))
        gateway.edge.steer(WEB, app.address)
        await internally_signed(gateway, "web.localhost")
        await internally_signed(gateway, "*.web.localhost")
        trust = ssl.create_default_context(cafile=str(root_certificate(gateway)))
        async with httpx.AsyncClient(verify=trust, http2=True, trust_env=False) as client:
            for host in ("web.localhost", "x.web.localhost"):
                extensions = {"sni_hostname": host}
                answer = await client.get(f"https://127.0.0.1:{port}/", headers={"Host": host}, extensions=extensions)
                assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
                assert answer.headers["alt-svc"].startswith(f'h3=":{port}"')
    finally:
        await gateway.edge.stop()


def test_names_that_are_not_public_and_wildcards_are_signed_by_the_own_authority():
    assert [
        host for host in ("app.example.org", "*.example.org", "localhost", "app.localhost", "nas", "a.home.arpa") if needs_internal(host)
    ] == [
        "*.example.org",
        "localhost",
        "app.localhost",
        "nas",
        "a.home.arpa",
    ]


def test_public_names_are_left_to_caddys_default_issuers():
    apps = tls_apps(CaddyOptions(Path("/r"), Path("/d"), tls=Tls.AUTO), ["app.example.org", "nas"])
    assert apps["tls"]["automation"]["policies"] == [{"subjects": ["nas"], "issuers": [{"module": "internal"}]}]
    assert apps["tls"]["certificates"] == {"automate": ["app.example.org", "nas"]}
    assert apps["pki"]["certificate_authorities"]["local"] == {"install_trust": False}


@pytest.mark.parametrize(
    "listen, location",
    [
        ((":80", ":443"), "https://{http.request.host}{http.request.uri}"),
        ((":80", "0.0.0.0:8443"), "https://{http.request.host}:8443{http.request.uri}"),
        ((":80", "unix//run/front.sock"), "https://{http.request.host}{http.request.uri}"),
    ],
)
def test_clear_text_is_sent_to_https(listen, location):
    assert to_https(listen, ())["handle"][0]["headers"] == {"Location": [location]}


def test_a_trusted_proxy_that_ended_tls_is_not_sent_to_https():
    says_https = {"header": {"X-Forwarded-Proto": ["https"]}}
    (clear,) = to_https((":80", ":443"), ("10.244.0.0/16",))["match"]
    assert clear == {"protocol": "http", "not": [{"remote_ip": {"ranges": ["10.244.0.0/16"]}} | says_https]}
    assert to_https((":80", ":443"), ())["match"] == [{"protocol": "http"}]


@pytest.mark.caddy
async def test_an_app_with_tls_gets_the_host_that_the_client_sent(gateway, client, directory):
    certificate, key = self_signed(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    app = App("tls")
    await app.start(context)
    try:
        await gateway.routed(route("web", "a.test", upstream=Upstream.HTTPS))
        gateway.edge.steer(WEB, app.address)
        async with client.post(gateway.url, headers={"Host": "a.test:1234"}, data=b"xy") as answer:
            seen = await answer.json()
    finally:
        await app.stop()
    assert (seen["headers"]["Host"], seen["body"]) == ("a.test:1234", 2)


@pytest.mark.caddy
async def test_an_app_with_tls_that_is_asleep_is_held_for(gateway, client):
    async def refuse(request):
        return web.Response(status=503)

    gateway.activator.answer = refuse
    await gateway.routed(route("web", "a.test", upstream=Upstream.HTTPS), route("grpc", "b.test", upstream=Upstream.H2C))
    for host in ("a.test", "b.test"):
        async with client.get(gateway.url, headers={"Host": host}) as answer:
            assert answer.status == 503
    assert [question.headers["X-Wakedock-Host"] for question in gateway.activator.asked] == ["a.test", "b.test"]


def self_signed(directory: Path, host: str = "app") -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate_file, key_file = directory / "app.crt", directory / "app.key"
    certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.write_bytes(private)
    return certificate_file, key_file


@pytest.mark.caddy
async def test_certificates_from_a_folder_are_served_and_renewed_with_the_next_apply(options, port, directory, app):
    folder = directory / "certificates"
    pair = folder / "web"
    pair.mkdir(parents=True)
    first, key = self_signed(directory, "web.test")
    before = first.read_text()
    (pair / "tls.crt").write_text(before)
    (pair / "tls.key").write_bytes(key.read_bytes())
    gateway = Gateway(replace(options, tls=Tls.FILES, certificates=folder), port)
    await gateway.edge.start()
    try:
        await gateway.routed(route("web", "web.test"))
        assert await served(port) == ssl.PEM_cert_to_DER_cert(before)
        again, key = self_signed(directory, "web.test")
        (pair / "tls.crt").write_bytes(again.read_bytes())
        (pair / "tls.key").write_bytes(key.read_bytes())
        await gateway.routed(route("web", "web.test"))
        assert await served(port) == ssl.PEM_cert_to_DER_cert(again.read_text())
    finally:
        await gateway.edge.stop()


async def served(port: int) -> bytes:
    """The certificate that a client gets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="web.test")
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return certificate
