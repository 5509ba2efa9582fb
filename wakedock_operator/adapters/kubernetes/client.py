"""The way to an API server: the official client's configuration, credentials and connections, and a few verbs over plain paths.

Answers are plain dictionaries. The typed models of the official client cost ten times the memory and time, and lose what they do not know.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from wakedock_operator import __version__
from wakedock_operator.adapters.kubernetes.errors import ApiError, Gone, Unauthorized, Unavailable, refusal
from wakedock_operator.errors import ConfigurationMistake

CONNECT_TIMEOUT = 2.0
"""Seconds for connecting, TLS included."""
REQUEST_TIMEOUT = 10.0
"""Seconds for a request with its answer."""
WATCH_SILENCE = 90.0
"""Seconds without a word on a watch until it counts as dead: an API server sends a bookmark every minute."""
AT_ONCE = 32
"""Requests under way at once; more wait here, where no time limit runs yet."""
PAGE = 500
"""Objects in one page of a list."""

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Raw = dict[str, Any]
"""An object as the API server shows it."""


JSON = "application/json"
METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
"""What is accepted as an answer: whole objects; of each object in a list its metadata, where the API server can leave out the rest."""


class PatchType(StrEnum):
    """The content types of patches."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"


def resource_path(api_version: str, plural: str, *, namespace: str | None = None, name: str | None = None, part: str | None = None) -> str:
    """The path of a resource: all of it, that of a namespace, one object, or a subresource (`part`) of it."""
    parts = ["api" if "/" not in api_version else "apis", *api_version.split("/")]
    if namespace is not None:
        parts += ("namespaces", namespace)
    parts += (each for each in (plural, name, part) if each is not None)
    return "/" + "/".join(quote(each, safe="") for each in parts)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked. As text it is what messages say of it."""

    method: str
    path: str
    timeout: aiohttp.ClientTimeout
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | list[Raw] | None = None
    content_type: str = JSON
    accept: str = JSON

    def __str__(self) -> str:
        return f"{'WATCH' if 'watch' in self.query else self.method} {self.path}"


class _Connections(RESTClientObject):
    """The official client's connections, but a peer that went away without a word is noticed in seconds, also by a watch."""

    def _create_connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            limit=0,  # `AT_ONCE` bounds requests; each watch has a connection of its own, and none may keep the others waiting
            ssl=self.ssl_context,
            socket_factory=_socket,
            ttl_dns_cache=60,
            # Before 3.12.7, asyncio waits for ever for a peer that does not answer the farewell of TLS.
            enable_cleanup_closed=sys.version_info < (3, 12, 7),
        )


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 2000),  # a request on a dead connection is not left to retransmissions that double their distance
    ):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


class Api:
    """One API server. Every method raises ApiError; every request has a time limit.

    `client` is the official client over the same connections, for what it does well by itself (leader election). `namespace` is the one
    that the context or the service account names.
    """

    def __init__(
        self, configuration: Configuration, *, namespace: str = "default", renew: Callable[[Configuration], Awaitable[object]] | None = None
    ) -> None:
        self.namespace = namespace
        self.client = ApiClient(configuration)
        self._connections: RESTClientObject = _Connections(configuration)
        self.client.rest_client = self._connections
        self.client.user_agent = f"wakedock/{__version__}"
        self._configuration = configuration
        self._renew = renew
        self._renewing = asyncio.Lock()
        self._renewals = 0
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def __repr__(self) -> str:
        return f"<Api {self._configuration.host} namespace={self.namespace}>"

    async def close(self) -> None:
        """Close every connection."""
        await self.client.close()

    async def get(self, path: str, **query: str | int) -> Raw:
        """Read one object, or one page of a list: consistently, unless `resourceVersion` says otherwise."""
        return await self.request("GET", path, query=query)

    def pages(self, path: str, **query: str | int) -> AsyncGenerator[tuple[list[Raw], str], None]:
        """Read a list page by page, all of one moment: the objects, and the version of that moment. Raises Gone when it took too long."""
        return self._pages(path, query, accept=JSON)

    def metadata_pages(self, path: str, **query: str | int) -> AsyncGenerator[tuple[list[Raw], str], None]:
        """As `pages`, but nothing is promised of the objects except their metadata."""
        return self._pages(path, query, accept=METADATA)

    async def _pages(self, path: str, query: Mapping[str, str | int], *, accept: str) -> AsyncGenerator[tuple[list[Raw], str], None]:
        more = ""
        while True:
            asked = {"limit": PAGE, **query, **({"continue": more} if more else {})}
            page = await self.request("GET", path, query=asked, accept=accept)
            metadata = page.get("metadata") or {}
            yield page.get("items") or [], str(metadata.get("resourceVersion") or "")
            more = str(metadata.get("continue") or "")
            if not more:
                return

    async def read_all(self, path: str, **query: str | int) -> list[Raw]:
        """Read a whole list, consistently. Begins anew, once, when its first pages went out of date meanwhile."""
        try:
            return [each async for items, _ in self.pages(path, **query) for each in items]
        except Gone:
            return [each async for items, _ in self.pages(path, **query) for each in items]

    async def create(self, path: str, body: Mapping[str, Any], **query: str | int) -> Raw:
        """Create one object in the collection at `path`. Raises Conflict when it exists."""
        return await self.request("POST", path, body=body, query=query)

    async def patch(
        self, path: str, body: Mapping[str, Any] | list[Raw], *, kind: PatchType, manager: str | None = None, force: bool = False
    ) -> Raw:
        """Change one object; `metadata.resourceVersion` and `metadata.uid` in `body` are preconditions. Returns it as it is then.

        `manager` is the field manager, which an apply needs; `force` takes fields over from others.
        """
        query: dict[str, str | int] = {}
        if manager is not None:
            query["fieldManager"] = manager
        if force:
            query["force"] = "true"
        return await self.request("PATCH", path, body=body, query=query, content_type=kind)

    async def delete(self, path: str, body: Mapping[str, Any] | None = None) -> Raw:
        """Delete one object; `body` holds DeleteOptions such as preconditions."""
        return await self.request("DELETE", path, body=body)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | list[Raw] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Raw:
        """Any request whose answer is one JSON object."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT)
        request = _Request(method, path, timeout, query or {}, body, content_type, accept)
        async with self._at_once, self._answer(request) as response:
            content = await response.read()
        try:
            found = json.loads(content)
        except ValueError as error:
            raise Unavailable(f"{request}: the answer is not JSON; is {self._configuration.host} an API server?") from error
        return found if isinstance(found, dict) else {}

    async def text(self, path: str, **query: str | int) -> str:
        """Read what is not JSON: the output of a container."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT)
        async with self._at_once, self._answer(_Request("GET", path, timeout, query)) as response:
            return (await response.read()).decode(errors="replace")

    async def lines(self, path: str, **query: str | int) -> AsyncGenerator[str, None]:
        """Read text that goes on, line by line, until the other side ends it."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        async with self._answer(_Request("GET", path, timeout, query)) as response:
            async for line in response.content:
                yield line.decode(errors="replace").rstrip("\n")

    async def watch(self, path: str, *, version: str, seconds: int, **query: str | int) -> AsyncGenerator[tuple[str, Raw], None]:
        """Follow a collection from `version` on: (type, object), bookmarks included.

        Ends after `seconds`. Raises Gone for a version that is not kept any more.
        """
        wanted = {**query, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": seconds}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=WATCH_SILENCE)
        request = _Request("GET", path, timeout, wanted)
        async with self._answer(request) as response:
            async for line in response.content:
                try:
                    event = json.loads(line)
                    kind, found = str(event["type"]), event["object"]
                    failed = int(found.get("code") or 500) if kind == "ERROR" else 0
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise Unavailable(f"{request}: cut off in the middle of an event") from error
                if failed:
                    raise refusal(str(request), failed, found)
                yield kind, found

    @asynccontextmanager
    async def _answer(self, request: _Request) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        try:
            known = self._renewals
            response = await self._send(request)
            if response.status == 401 and await self._renewed(since=known):
                response.close()
                response = await self._send(request)
            try:
                if not 200 <= response.status < 300:
                    raise refusal(str(request), response.status, await response.read())
                yield response
            finally:
                # What was read to its end is back in the pool already; a watch that is left early cannot go there.
                response.close()
        except ApiError:
            raise
        except TimeoutError as error:
            raise Unavailable(f"{request}: no answer in time from {self._configuration.host}") from error
        except ConfigException as error:
            raise Unavailable(f"{request}: the credentials for {self._configuration.host} cannot be read: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{request}: {type(error).__name__}: {error}") from error

    async def _send(self, request: _Request) -> aiohttp.ClientResponse:
        headers = {"Accept": request.accept, "Content-Type": request.content_type, "User-Agent": self.client.user_agent}
        url = self._configuration.host + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        async with asyncio.timeout(REQUEST_TIMEOUT):
            await self.client.update_params_for_auth(headers, [], ["BearerToken"], request.path, request.method, request.body)
            answer = await self._connections.request(
                request.method, url, headers=headers, body=request.body, _request_timeout=request.timeout
            )
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _renewed(self, *, since: int) -> bool:
        """Read the credentials again (a plugin is run again), once for all who were refused with the same ones."""
        if self._renew is None:
            return False
        async with self._renewing:
            if self._renewals == since:
                try:
                    await self._renew(self._configuration)
                except (ConfigException, OSError) as error:
                    raise Unauthorized(f"the credentials for {self._configuration.host} cannot be read again: {error}") from error
                self._renewals += 1
                if self._configuration.cert_file:
                    self._connections.ssl_context.load_cert_chain(self._configuration.cert_file, keyfile=self._configuration.key_file)
        return True


async def _load_account(into: Configuration) -> None:
    load_incluster_config(into)


async def connect(*, kubeconfig: Path | None = None, context: str | None = None) -> Api:
    """Connect as kubectl does: the given kubeconfig, `$KUBECONFIG`, the service account of the pod, `~/.kube/config`.

    Nothing is asked of the API server yet. Raises ConfigurationMistake when there are no usable settings.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None and context is None and "KUBECONFIG" not in os.environ and os.environ.get("KUBERNETES_SERVICE_HOST"):
            load_incluster_config(configuration)
            return Api(configuration, namespace=_NAMESPACE_FILE.read_text().strip(), renew=_load_account)
        files = str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG", "~/.kube/config")
        if not any(Path(each).expanduser().exists() for each in files.split(os.pathsep) if each):
            raise ConfigurationMistake(f"there is no kubeconfig at {files}: name one with --kubeconfig or $KUBECONFIG")

        async def load(into: Configuration) -> Any:
            return await load_kube_config(files, context=context, client_configuration=into, persist_config=False)

        loader = await load(configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigurationMistake(f"the settings for the Kubernetes API cannot be read: {error}") from error
    return Api(configuration, namespace=loader.current_context["context"].get("namespace") or "default", renew=load)
