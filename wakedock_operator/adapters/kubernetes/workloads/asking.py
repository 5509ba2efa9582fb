"""Readiness questions to pods and to the address that stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from wakedock_operator.adapters.kubernetes.workloads import http_get
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, status
from wakedock_operator.adapters.kubernetes.workloads.instances import Port, address
from wakedock_operator.adapters.kubernetes.workloads.pod_readiness import OnlyKubernetesKnows, Undeclared, declared
from wakedock_operator.adapters.kubernetes.workloads.settled import ready
from wakedock_operator.adapters.probing import tcp
from wakedock_operator.adapters.probing.answer import NoAnswer
from wakedock_operator.adapters.probing.readiness import ask_ready, probe_of, target_of
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import HttpReadiness, TcpReadiness, WakeService

CONNECT = timedelta(seconds=1)


def kubernetes_decides(service: WakeService, pod: Document, port: Port) -> bool:
    """Whether nobody but Kubernetes can say that this pod is ready."""
    return port is None or (_own_way(service) is None and isinstance(declared(pod), OnlyKubernetesKnows))


async def ask_pod(service: WakeService, pod: Document, port: Port) -> ProbeResult:
    """Ask a pod that has an address: as the definition says, else as the pod declares, else for any answer below 500."""
    own, said = _own_way(service), declared(pod)
    target = target_of(service, address(pod, port))
    if own is not None:
        return await ask_ready(own, target)
    if isinstance(said, tuple):
        results = await asyncio.gather(*(http_get.ask(each, str(status(pod)["podIP"])) for each in said))
        return next((each for each in results if not each.ready), results[0])
    if isinstance(said, Undeclared):
        return await ask_ready(probe_of(service), target)
    return READY if ready(pod) else NOT_READY


async def ask_stable(service: WakeService, pod: Document, port: Port, stable: str) -> ProbeResult:
    """Ask the Service's address as its pods are asked. What is not asked at the app's own port is answered by a connection."""
    own, said = _own_way(service), declared(pod)
    if own is not None:
        return await ask_ready(own, target_of(service, stable))
    ip, _, number = stable.rpartition(":")
    if isinstance(said, tuple):
        same = [each for each in said if each.port == port and not each.host]
        if same:
            return await http_get.ask(replace(same[0], port=int(number)), ip.strip("[]"))
    if isinstance(said, Undeclared):
        return await ask_ready(probe_of(service), target_of(service, stable))
    try:
        await tcp.connect(stable, CONNECT)
    except NoAnswer as nothing:
        return ProbeResult(ready=False, detail=str(nothing))
    return ProbeResult(ready=True, detail="connected")


def _own_way(service: WakeService) -> HttpReadiness | TcpReadiness | None:
    """`wake.readiness`, where it is given: it wins over what the pod declares. Commands run in no pod."""
    way = None if service.spec.wake.readiness is None else service.spec.wake.readiness.probe
    return way if isinstance(way, HttpReadiness | TcpReadiness) else None


READY = ProbeResult(ready=True, detail="the pod is Ready")
NOT_READY = ProbeResult(ready=False, detail="the pod is not Ready yet")
