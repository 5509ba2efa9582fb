"""A readiness probe as kubelet sends it: the same request, and the same statuses mean ready."""

import asyncio

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from wakedock_operator.adapters.kubernetes.workloads.instances import joined
from wakedock_operator.adapters.kubernetes.workloads.pod_readiness import HttpGet
from wakedock_operator.adapters.probing.answer import NoAnswer
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import format_duration

USER_AGENT = "kube-probe/wakedock"
"""Apps that let kubelet's probes pass do so by the first half of the name."""


async def ask(get: HttpGet, ip: str) -> ProbeResult:
    """Ready at 200 to 399. Certificates are not checked, redirects not followed."""
    headers: CIMultiDict[str] = CIMultiDict({"User-Agent": USER_AGENT, "Accept": "*/*"})
    for name in {name for name, _ in get.headers}:
        headers.popall(name, None)
    for name, value in get.headers:
        headers.add(name, value)
    path = get.path if get.path.startswith("/") else f"/{get.path}"
    url = URL(f"{get.scheme}://{joined(get.host or ip, get.port)}{path}", encoded=True)
    connector = aiohttp.TCPConnector(force_close=True, ssl=False)
    try:
        async with (
            asyncio.timeout(get.timeout.total_seconds()),
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            ready = 200 <= response.status < 400
            return ProbeResult(ready=ready, detail=f"HTTP {response.status}", unhealthy=not ready)
    except TimeoutError:
        detail = f"no answer within {format_duration(get.timeout)}"
    except aiohttp.ClientConnectorError as error:
        detail = str(NoAnswer.because(error.os_error))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        detail = f"no HTTP answer: {error or type(error).__name__}"
    return ProbeResult(ready=False, detail=detail)
