import re

import pytest

from tests.activator.serving import activator
from wakedock_operator.activator.page.assets import Asset, load_assets

ASSETS = load_assets()
each_asset = pytest.mark.parametrize("asset", ASSETS.values(), ids=ASSETS.keys())


@each_asset
async def test_an_asset_may_be_kept_for_good(asset: Asset):
    async with activator() as web:
        answer = await web.get(asset.url)
        assert answer.status == 200
        assert answer.content_type == asset.content_type
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert asset.digest in asset.url
        assert await answer.read() == asset.content


@each_asset
async def test_whoever_has_it_is_not_sent_it_again(asset: Asset):
    async with activator() as web:
        tag = (await web.get(asset.url)).headers["ETag"]
        again = await web.get(asset.url, {"If-None-Match": f'"other", {tag}'})
        assert again.status == 304
        assert await again.read() == b""
        assert again.headers["ETag"] == tag
        assert (await web.get(asset.url, {"If-None-Match": '"other"'})).status == 200


@each_asset
async def test_head_is_answered_without_the_content(asset: Asset):
    async with activator() as web:
        answer = await web.get(asset.url, method="HEAD")
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(asset.content))


async def test_another_hash_is_not_found():
    async with activator() as web:
        assert (await web.get("/.wakedock/assets/waiting.0123456789abcdef.css")).status == 404


def test_assets_load_nothing_from_elsewhere():
    for name, asset in ASSETS.items():
        text = asset.content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert re.search(r"//(?! )", text) is None, name  # a comment has a space there, an address has not
        assert "url(" not in text, name
        assert "@import" not in text, name
