"""One GET, each on a connection of its own: what counts is the status; the body is not read, no redirect is followed."""

import asyncio
import importlib
from datetime import timedelta

import aiohttp
from yarl import URL

from wakedock_operator.adapters.probing.answer import NoAnswer, Target
from wakedock_operator.resource import Protocol, format_duration

USER_AGENT = "wakedock-probe"


class StreamReset(NoAnswer):
    """An app that speaks HTTP/2 does not want this request, as gRPC servers do not want a GET."""


async def status_of(target: Target, path: str, timeout: timedelta) -> int:  # noqa: ASYNC109 - a part of the definition
    """The status of `GET path`. Certificates are not checked. Raises NoAnswer (of it StreamReset), after `timeout` at the latest."""
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            if target.protocol == Protocol.H2C:
                return await _over_h2c(target, path)
            return await _over_http1(target, path)
    except TimeoutError:
        raise NoAnswer(f"no answer within {format_duration(timeout)}") from None


async def _over_http1(target: Target, path: str) -> int:
    scheme = "https" if target.protocol == Protocol.HTTPS else "http"
    connector = aiohttp.TCPConnector(force_close=True, ssl=False)
    headers = {"Host": target.host, "User-Agent": USER_AGENT}
    try:
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.get(URL(f"{scheme}://{target.address}{path}", encoded=True), headers=headers, allow_redirects=False) as response,
        ):
            return response.status
    except aiohttp.ClientConnectorError as error:
        raise NoAnswer.because(error.os_error) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoAnswer(f"no HTTP answer: {error or type(error).__name__}") from None


async def _over_h2c(target: Target, path: str) -> int:
    # Imported late: only h2c apps need it, and importing takes a while.
    httpx = await asyncio.to_thread(importlib.import_module, "httpx")
    headers = {"Host": target.host, "User-Agent": USER_AGENT}
    try:
        async with (
            httpx.AsyncClient(http1=False, http2=True, verify=False, trust_env=False, timeout=None) as client,
            client.stream("GET", f"http://{target.address}{path}", headers=headers, follow_redirects=False) as response,
        ):
            return int(response.status_code)
    except httpx.RemoteProtocolError as error:
        # The library gives the frame itself as the reason of what it raised first.
        if any(hasattr(reason, "error_code") for reason in getattr(error.__cause__, "args", ())):
            raise StreamReset("the request was reset") from None
        raise NoAnswer(f"no HTTP/2 answer: {error}") from None
    except (httpx.HTTPError, OSError) as error:
        raise NoAnswer(f"no HTTP/2 answer: {error or type(error).__name__}") from None
