"""Where certificates come from: Caddy's own automation, or a folder that somebody else keeps."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wakedock_operator.adapters.caddy.client_headers import from_trusted
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls

Json = dict[str, Any]

_private = ("localhost", "local", "internal", "home.arpa", "test", "example", "invalid", "lan", "home", "corp")


CERTIFICATE, KEY = "tls.crt", "tls.key"


def tls_apps(options: CaddyOptions, hosts: Sequence[str]) -> Json:
    """The apps `tls` and `pki`. The own authority's root is written into the storage and installed nowhere.

    With certificates from files Caddy reads them at each load; the digest among the tags makes a renewed one another configuration.
    """
    tls = options.tls
    if tls is Tls.OFF:
        return {}
    if tls is Tls.FILES:
        return {"tls": {"certificates": {"load_files": [_loaded(pair) for pair in pairs(options.certificates)]}}}
    internal = [host for host in hosts if tls is Tls.INTERNAL or needs_internal(host)]
    policies: list[Json] = []
    if internal:
        policies.append({"subjects": internal, "issuers": [{"module": "internal"}]})
    return {
        "tls": {"certificates": {"automate": list(hosts)}, "automation": {"policies": policies}},
        "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
    }


def pairs(folder: Path | None) -> list[Path]:
    """The folders in `folder` that hold a certificate and its key."""
    if folder is None or not folder.is_dir():
        return []
    return [pair for pair in sorted(folder.iterdir()) if (pair / CERTIFICATE).is_file() and (pair / KEY).is_file()]


def _loaded(pair: Path) -> Json:
    digest = hashlib.sha256((pair / CERTIFICATE).read_bytes() + (pair / KEY).read_bytes()).hexdigest()
    return {"certificate": str(pair / CERTIFICATE), "key": str(pair / KEY), "tags": [digest]}


def to_https(listen: Sequence[str], trusted_proxies: Sequence[str]) -> Json:
    """A route for what comes in clear, which Caddy lets in on port 80 alone: the same address with https.

    A trusted proxy that ended TLS itself is spared: it would send its client here again and again.
    """
    ports = [address.rpartition(":")[2] for address in listen if not address.startswith("unix/")]
    port = next((port for port in ports if port != "80"), "443")
    authority = "{http.request.host}" + ("" if port == "443" else f":{port}")
    headers = {"Location": [f"https://{authority}{{http.request.uri}}"]}
    redirect = {"handler": "static_response", "status_code": 308, "headers": headers}
    clear: Json = {"protocol": "http"}
    ended = [peer | {"header": {"X-Forwarded-Proto": ["https"]}} for peer in from_trusted(trusted_proxies)]
    if ended:
        clear["not"] = ended
    return {"match": [clear], "terminal": True, "handle": [redirect]}


def needs_internal(host: str) -> bool:
    """Whether no public authority can give a certificate over HTTP or TLS: wildcards (they need DNS) and names that are not public."""
    return host.startswith("*") or "." not in host or host.rpartition(".")[2] in _private or host.endswith(".home.arpa")
