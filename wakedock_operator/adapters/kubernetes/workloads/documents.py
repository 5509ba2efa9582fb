"""Objects of the API server as plain JSON, and the few things that are read from all of them."""

from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]


def metadata(document: Document) -> Document:
    """`metadata`; empty where there is none."""
    found: Document = document.get("metadata") or {}
    return found


def spec(document: Document) -> Document:
    """`spec`; empty where there is none."""
    found: Document = document.get("spec") or {}
    return found


def status(document: Document) -> Document:
    """`status`; empty where there is none."""
    found: Document = document.get("status") or {}
    return found


def uid(document: Document) -> str:
    """`metadata.uid`."""
    return str(metadata(document).get("uid", ""))


def version(document: Document) -> str:
    """`metadata.resourceVersion`."""
    return str(metadata(document).get("resourceVersion", ""))


def generation(document: Document) -> int | None:
    """`metadata.generation`; None for kinds that keep none."""
    found = metadata(document).get("generation")
    return None if found is None else int(found)


def annotation(document: Document, name: str) -> str:
    """One annotation; empty where it is missing."""
    return str((metadata(document).get("annotations") or {}).get(name, ""))


def owned_by(document: Document, owner: str) -> bool:
    """Whether an owner reference names this uid."""
    return bool(owner) and any(each.get("uid") == owner for each in metadata(document).get("ownerReferences") or ())


def controlled_by(document: Document, owners: Iterable[str]) -> bool:
    """Whether the controller among its owner references has one of these uids."""
    controller = next((each for each in metadata(document).get("ownerReferences") or () if each.get("controller")), None)
    return controller is not None and controller.get("uid") in set(owners)


def condition(document: Document, type_: str) -> Document | None:
    """The condition of this type in `status.conditions`."""
    return next((each for each in status(document).get("conditions") or () if each.get("type") == type_), None)


def holds(document: Document, type_: str) -> bool:
    """Whether the condition of this type is True."""
    found = condition(document, type_)
    return found is not None and found.get("status") == "True"


def restarts(pod: Document) -> int:
    """How often containers of a pod were started again."""
    return sum(int(each.get("restartCount") or 0) for each in status(pod).get("containerStatuses") or ())
