"""The page's style, script and icon, each under a name that contains a hash of its content, so that browsers may keep it for good."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import ETag, web

PREFIX = "/.wakedock/assets/"
CONTENT_TYPES: Mapping[str, str] = {
    "waiting.css": "text/css",
    "waiting.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, read once."""

    url: str
    content: bytes
    content_type: str
    digest: str


def load_assets() -> Mapping[str, Asset]:
    """Every asset by the name it has in this package."""
    return {name: _load(name) for name in CONTENT_TYPES}


def _load(name: str) -> Asset:
    content = files(__package__).joinpath("assets", name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    stem, _, extension = name.partition(".")
    return Asset(f"{PREFIX}{stem}.{digest}.{extension}", content, CONTENT_TYPES[name], digest)


class AssetHandler:
    """Answers requests for assets; anything but an exact hashed name is not found."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._by_name = {asset.url.removeprefix(PREFIX): asset for asset in assets.values()}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET or HEAD; 304 to whoever has the content already. Raises HTTPNotFound."""
        asset = self._by_name.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        known = request.if_none_match or ()
        response = web.Response(status=304) if any(tag.value in {asset.digest, "*"} for tag in known) else web.Response(body=asset.content)
        if response.status == 200:
            response.content_type = asset.content_type
            response.charset = "utf-8"
        response.etag = ETag(asset.digest)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response
