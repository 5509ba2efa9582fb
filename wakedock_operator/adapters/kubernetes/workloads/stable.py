"""The address that stays whatever pods come and go: ClusterIP and port of the Service that the operator makes."""

from wakedock_operator.adapters.kubernetes.children.names import stable_service
from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.adapters.kubernetes.workloads.documents import owned_by, spec
from wakedock_operator.adapters.kubernetes.workloads.instances import joined
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced
from wakedock_operator.resource import Key


async def stable_address(api: Api, key: Key, uid: str) -> str | None:
    """`ip:port`; None as long as there is none, and for a Service of that name that is not this WakeService's."""
    try:
        service = await api.get(f"{namespaced('v1', key.namespace, 'services')}/{stable_service(key)}")
    except NotFound:
        return None
    ip, ports = str(spec(service).get("clusterIP", "")), spec(service).get("ports") or ()
    if not owned_by(service, uid) or ip in {"", "None"} or not ports:
        return None
    return joined(ip, int(ports[0]["port"]))
