"""Services that lead to an app past the gateways: what comes by them is not seen, keeps nothing awake and wakes nothing."""

from collections.abc import Iterator, Mapping, Sequence

from wakedock_operator.adapters.kubernetes.children.names import SERVICE_LABEL
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata, spec
from wakedock_operator.resource import Key

Labels = Mapping[str, str]


class Bypasses:
    """Every Service with a selector that WakeDock did not make, as watches show them, and the labels of each app's pods."""

    def __init__(self) -> None:
        self._selectors: dict[str, dict[str, Labels]] = {}
        self._pods: dict[str, dict[Key, Labels]] = {}

    def __repr__(self) -> str:
        return f"<Bypasses: {sum(map(len, self._selectors.values()))} Services of others>"

    def of(self, key: Key) -> Sequence[str]:
        """The names of Services that select this service's pods."""
        labels = self._pods.get(key.namespace, {}).get(key)
        if labels is None:
            return ()
        return sorted(name for name, selector in self._selectors.get(key.namespace, {}).items() if selector.items() <= labels.items())

    def has_pods(self, key: Key, labels: Labels) -> None:
        """The pods of `key` have these labels."""
        self._pods.setdefault(key.namespace, {})[key] = labels

    def forget(self, key: Key) -> None:
        """There is no such service any more."""
        self._pods.get(key.namespace, {}).pop(key, None)

    def saw(self, namespace: str, name: str, selector: Labels | None) -> Iterator[Key]:
        """A Service of somebody else selects these pods, or (None) none any more; the services whose bypasses may be others now."""
        selectors = self._selectors.setdefault(namespace, {})
        before, after = selectors.pop(name, None), selector
        if after is not None:
            selectors[name] = after
        if before != after:
            for key, labels in self._pods.get(namespace, {}).items():
                if any(each is not None and each.items() <= labels.items() for each in (before, after)):
                    yield key

    def known(self, namespace: str | None) -> Iterator[tuple[str, str]]:
        """Namespace and name of every Service that is known in a namespace (None: in all)."""
        for where, selectors in self._selectors.items():
            if namespace in {None, where}:
                yield from ((where, name) for name in selectors)


def foreign_selector(service: Document) -> Labels | None:
    """Which pods a Service selects; None for one of WakeDock's, and for one that selects nothing."""
    if SERVICE_LABEL in (metadata(service).get("labels") or {}):
        return None
    return spec(service).get("selector") or None
