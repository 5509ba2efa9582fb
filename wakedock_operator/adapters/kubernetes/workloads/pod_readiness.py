"""What a pod itself declares about its readiness."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, spec


@dataclass(frozen=True, slots=True)
class HttpGet:
    """An HTTP probe as kubelet would send it to one container."""

    port: int
    path: str = "/"
    scheme: str = "http"
    host: str = ""
    """Another host than the pod's own address."""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class OnlyKubernetesKnows:
    """Commands, TCP and gRPC probes and readiness gates: the pod's condition Ready is the answer."""


@dataclass(frozen=True, slots=True)
class Undeclared:
    """The pod says nothing about its readiness."""


Declared = tuple[HttpGet, ...] | OnlyKubernetesKnows | Undeclared


def declared(pod: Document) -> Declared:
    """What makes this pod ready: the readiness probes of its containers, else their start-up probes. All of them must pass."""
    if spec(pod).get("readinessGates"):
        return OnlyKubernetesKnows()
    probes = list(_probes(pod))
    if not probes:
        return Undeclared()
    gets = [_http_get(probe, container) for container, probe in probes]
    known = tuple(each for each in gets if each is not None)
    return known if len(known) == len(gets) else OnlyKubernetesKnows()


def _probes(pod: Document) -> Iterator[tuple[Document, Document]]:
    sidecars = (each for each in spec(pod).get("initContainers") or () if each.get("restartPolicy") == "Always")
    for container in (*sidecars, *(spec(pod).get("containers") or ())):
        probe = container.get("readinessProbe") or container.get("startupProbe")
        if probe:
            yield container, probe


def _http_get(probe: Document, container: Document) -> HttpGet | None:
    get: dict[str, Any] | None = probe.get("httpGet")
    if get is None:
        return None
    port = _number(get["port"], container)
    if port is None:
        return None
    return HttpGet(
        port=port,
        path=str(get.get("path") or "/"),
        scheme=str(get.get("scheme") or "HTTP").lower(),
        host=str(get.get("host") or ""),
        headers=tuple((each["name"], each.get("value", "")) for each in get.get("httpHeaders") or ()),
        timeout=timedelta(seconds=int(probe.get("timeoutSeconds") or 1)),
    )


def _number(port: object, container: Document) -> int | None:
    """A port by number, or by the name that the container gives it."""
    if isinstance(port, int) or str(port).isdecimal():
        return int(str(port))
    return next((int(each["containerPort"]) for each in container.get("ports") or () if each.get("name") == port), None)
