"""What the operator watches: each kind with its age in the metrics, and with what the sweep needs to compare."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.children.services_seen import ShownService
from wakedock_operator.adapters.kubernetes.client import Raw
from wakedock_operator.adapters.kubernetes.heard import Heard
from wakedock_operator.adapters.kubernetes.kopf_feed import KopfFeed
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.sweep import Sweep, Watched
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.api.ports import Health
from wakedock_operator.resource import API_VERSION

from .cluster_settings import OperatorSettings

SERVICES, PODS = "services", "pods"


@dataclass(frozen=True, slots=True)
class Watches:
    """All of them. WakeServices and workloads come by kopf."""

    feed: KopfFeed
    services: tuple[Watching[ShownService], ...]
    """Of Services, by namespaces."""
    pods: Watching[Raw]
    """Of the gateways."""

    def tell_ages(self, metrics: Metrics) -> None:
        """Each kind has an age of its own; that of the oldest watch, where there is one for each namespace."""
        for resource, heard in self.feed.heard.items():
            metrics.watches(resource, partial(getattr, heard, "last"))
        metrics.watches(SERVICES, lambda: min(each.last_heard for each in self.services))
        metrics.watches(PODS, lambda: self.pods.last_heard)

    def watched(self, settings: OperatorSettings, shelf: Shelf) -> tuple[Watched, ...]:
        """For the sweep."""
        everywhere: Sequence[str | None] = settings.watch_namespaces or (None,)
        return (
            _definitions(self.feed.heard[PLURAL], shelf, everywhere),
            *(
                Watched(resource, resource, heard.version, everywhere, known=heard.uids, forget=heard.forget)
                for resource, heard in self.feed.heard.items()
                if resource != PLURAL
            ),
            *(_followed(SERVICES, each, namespace) for namespace, each in zip(everywhere, self.services, strict=True)),
            _followed(PODS, self.pods, settings.namespace, selector=settings.gateway_selector),
        )


def _definitions(heard: Heard, shelf: Shelf, namespaces: Sequence[str | None]) -> Watched:
    def forget(uids: Iterable[str]) -> None:
        heard.forget(uids)
        shelf.forget(uids)

    return Watched(PLURAL, PLURAL, heard.version, namespaces, known=shelf.uids, forget=forget, api_version=API_VERSION)


def _followed(resource: str, watching: Watching[ShownService] | Watching[Raw], namespace: str | None, *, selector: str = "") -> Watched:
    return Watched(resource, resource, lambda _: watching.shown, (namespace,), selector=selector)


def health(sweep: Sweep, shelf: Shelf) -> Health:
    """Not live when what is watched is not what there is, while the API server answers: only a restart mends that."""
    if sweep.stale:
        return Health(
            live=False, ready=False, reasons=tuple(f"the watch of {name} is stale while the API server answers" for name in sweep.stale)
        )
    synced = shelf.synced.is_set()
    return Health(live=True, ready=synced, reasons=() if synced else ("the WakeServices were not listed yet",))
