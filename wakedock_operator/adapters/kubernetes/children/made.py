"""What was made for WakeServices, as it was left: that somebody took a field or an object away is seen at the next event of it.

Server-side apply keeps the fields of each manager in `managedFields`. Whoever changes or removes one of ours takes it from our entry, so
that an entry which is not the one that the last apply left is the whole test, whatever defaults and webhooks made of the values.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR, applied_by
from wakedock_operator.resource import Key


@dataclass(frozen=True, slots=True)
class Child:
    """An object by name."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An object at one version, and what of it is ours: a number that is good within this process."""

    child: Child
    version: int
    fields: int

    @classmethod
    def of(cls, kind: str, raw: Document) -> "Shown":
        """What `raw` says. The items of a list do not say their kind."""
        child = Child(kind, str(metadata(raw).get("namespace", "")), str(metadata(raw)["name"]))
        ours = applied_by(raw, OPERATOR)
        return cls(child, int(metadata(raw)["resourceVersion"]), hash(json.dumps(ours, sort_keys=True)))


@dataclass(slots=True)
class _Left:
    key: Key
    fields: int
    version: int
    undone_at: int | None = None


class Made:
    """Every child as the last apply left it. Versions are resourceVersions, of which a later one is greater."""

    def __init__(self) -> None:
        self._left: dict[Child, _Left] = {}
        self._by_key: dict[Key, set[Child]] = {}

    def __repr__(self) -> str:
        return f"<Made {len(self._left)} children of {len(self._by_key)} services>"

    def leave(self, key: Key, shown: Shown) -> Child:
        """What is shown is as the definition of `key` says; returns which it is."""
        before = self._left.get(shown.child)
        undone = None if before is None or before.undone_at is None or before.undone_at <= shown.version else before.undone_at
        self._left[shown.child] = _Left(key, shown.fields, shown.version, undone)
        self._by_key.setdefault(key, set()).add(shown.child)
        return shown.child

    def keep(self, key: Key, children: Collection[Child]) -> None:
        """The definition of `key` asks for these and no others: what it had before may go."""
        for child in self._by_key.pop(key, set()).difference(children):
            del self._left[child]
        self._by_key[key] = {*children}

    def saw(self, shown: Shown, *, gone: bool = False) -> Key | None:
        """What an event showed; the service of which something is undone by that, if any."""
        left = self._left.get(shown.child)
        if left is None or shown.version <= left.version or (not gone and shown.fields == left.fields):
            return None
        left.undone_at = shown.version
        return left.key

    def listed(self, kind: str, namespace: str | None, there: Collection[Child]) -> Iterator[Key]:
        """A consistent list of a namespace (None: of all) has nothing but `there`; the services of which something is not there."""
        for child, left in self._left.items():
            if child.kind == kind and namespace in {None, child.namespace} and child not in there:
                left.undone_at = left.version
                yield left.key

    def undone(self, key: Key) -> bool:
        """Whether something of this service is no longer as it was left."""
        return any(self._left[child].undone_at is not None for child in self._by_key.get(key, ()))

    def forget(self, key: Key) -> None:
        """Nothing of this service matters any more."""
        self.keep(key, ())
        del self._by_key[key]
