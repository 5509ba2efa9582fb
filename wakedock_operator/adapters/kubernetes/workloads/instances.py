"""Pods as instances: where Caddy dials them, and in which order they are preferred."""

from collections.abc import Container

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata, status, uid
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.settled import ready, terminating
from wakedock_operator.core.observation import Instance

STABLE = "stable"
"""The id of the address that stays: the Service's."""

Port = int | None
"""None for an app that takes no requests."""


def preferred(seen: Seen, answered: Container[str]) -> tuple[Document, ...]:
    """The pods to which requests may go, the best one last: those in `answered` (uids) before those that are Ready."""
    live = (pod for pod in seen.newest if not terminating(pod))
    order = sorted(live, key=lambda pod: (uid(pod) in answered, ready(pod), bool(status(pod).get("podIP")), name(pod)))
    return tuple(order)


def ending(seen: Seen, port: Port) -> tuple[Instance, ...]:
    """Every pod on its way out, of whatever version."""
    return tuple(
        Instance(id=uid(pod), name=name(pod), address=address(pod, port), terminating=True) for pod in seen.pods if terminating(pod)
    )


def instance(pod: Document, *, port: Port, answered: Container[str]) -> Instance:
    """A pod to which requests may go."""
    return Instance(id=uid(pod), name=name(pod), address=address(pod, port), ready=uid(pod) in answered or ready(pod))


def name(pod: Document) -> str:
    """`metadata.name`."""
    return str(metadata(pod).get("name", ""))


def address(pod: Document, port: Port) -> str:
    """`ip:port`; empty where there is no port, or no address yet."""
    ip = str(status(pod).get("podIP", ""))
    return joined(ip, port) if ip and port is not None else ""


def joined(ip: str, port: int) -> str:
    """`ip:port`, with brackets around an IPv6 address."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
