"""The operator's watch of Services: those that it made are kept as they were made, those of others may lead past the gateways."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from wakedock_operator.adapters.kubernetes.children.bypass import Bypasses, Labels, foreign_selector
from wakedock_operator.adapters.kubernetes.children.made import Child, Made, Shown
from wakedock_operator.adapters.kubernetes.client import Api, Raw, resource_path
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.resource import Key

SERVICE = "Service"


@dataclass(frozen=True, slots=True)
class ShownService:
    """What matters of a Service. Thousands of them may be listed at once."""

    shown: Shown
    foreign_selector: Labels | None

    @classmethod
    def of(cls, raw: Raw) -> "ShownService":
        """What `raw` says."""
        return cls(Shown.of(SERVICE, raw), foreign_selector(raw))


class ServicesSeen:
    """Tells `announce` of each WakeService that an event of a Service concerns."""

    def __init__(self, made: Made, bypasses: Bypasses, announce: Callable[..., None]) -> None:
        self._made = made
        self._bypasses = bypasses
        self._announce = announce

    def __repr__(self) -> str:
        return f"<ServicesSeen {self._made!r}, {self._bypasses!r}>"

    def watching(self, api: Api, namespaces: Sequence[str] = ()) -> tuple[Watching[ShownService], ...]:
        """A watch for each of these namespaces, or one of the whole cluster. They are to be run, and synced before anything is decided."""
        return tuple(
            Watching(
                api,
                resource_path("v1", "services", namespace=namespace),
                put=self._put,
                drop=self._drop,
                replace_all=partial(self.replace_all, namespace),
                read=ShownService.of,
            )
            for namespace in (namespaces or (None,))
        )

    def replace_all(self, namespace: str | None, services: Iterable[ShownService]) -> None:
        """A consistent list of a namespace (None: of all): what is not in it is gone."""
        there = {service.shown.child: service for service in services}
        for where, name in [*self._bypasses.known(namespace)]:
            if Child(SERVICE, where, name) not in there:
                self._tell(*self._bypasses.saw(where, name, None))
        self._tell(*self._made.listed(SERVICE, namespace, there.keys()))
        for service in there.values():
            self._put(service)

    def _put(self, service: ShownService) -> None:
        child = service.shown.child
        self._tell(self._made.saw(service.shown), *self._bypasses.saw(child.namespace, child.name, service.foreign_selector))

    def _drop(self, service: ShownService) -> None:
        child = service.shown.child
        self._tell(self._made.saw(service.shown, gone=True), *self._bypasses.saw(child.namespace, child.name, None))

    def _tell(self, *keys: Key | None) -> None:
        self._announce(*(key for key in keys if key is not None))
