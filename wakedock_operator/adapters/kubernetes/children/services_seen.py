"""The operator's watch of Services: those that it made are kept as they were made, those of others may lead past the gateways."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from wakedock_operator.adapters.kubernetes.children.bypass import Bypasses
from wakedock_operator.adapters.kubernetes.children.made import Child, Made
from wakedock_operator.adapters.kubernetes.client import Api, Raw, resource_path
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.resource import Key

SERVICE = "Service"


class ServicesSeen:
    """Tells `announce` of each WakeService that an event of a Service concerns."""

    def __init__(self, made: Made, bypasses: Bypasses, announce: Callable[..., None]) -> None:
        self._made = made
        self._bypasses = bypasses
        self._announce = announce

    def __repr__(self) -> str:
        return f"<ServicesSeen {self._made!r}, {self._bypasses!r}>"

    def watching(self, api: Api, namespaces: Sequence[str] = ()) -> tuple[Watching, ...]:
        """A watch for each of these namespaces, or one of the whole cluster. They are to be run, and synced before anything is decided."""
        return tuple(
            Watching(
                api,
                resource_path("v1", "services", namespace=namespace),
                put=self._put,
                drop=self._drop,
                replace_all=partial(self._replace_all, namespace),
            )
            for namespace in (namespaces or (None,))
        )

    def _put(self, raw: Raw) -> None:
        self._tell(self._made.saw(SERVICE, raw), *self._bypasses.saw(raw))

    def _drop(self, raw: Raw) -> None:
        self._tell(self._made.saw(SERVICE, raw, gone=True), *self._bypasses.saw(raw, gone=True))

    def _replace_all(self, namespace: str | None, raws: Iterable[Raw]) -> None:
        there = {Child.of(SERVICE, raw): raw for raw in raws}
        for where, name in [*self._bypasses.known(namespace)]:
            if Child(SERVICE, where, name) not in there:
                self._tell(*self._bypasses.saw({"metadata": {"namespace": where, "name": name}}, gone=True))
        self._tell(*self._made.listed(SERVICE, namespace, there.keys()))
        for raw in there.values():
            self._put(raw)

    def _tell(self, *keys: Key | None) -> None:
        self._announce(*(key for key in keys if key is not None))
