"""Finding things among rendered objects."""

from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]


def of_kind(objects: Iterable[Object], kind: str) -> dict[str, Object]:
    """The objects of a kind, by name; those of several namespaces as `NAMESPACE/NAME`."""
    found = [each for each in objects if each["kind"] == kind]
    names = [each["metadata"]["name"] for each in found]
    several = len(set(names)) < len(names)
    return {(f"{each['metadata']['namespace']}/" if several else "") + each["metadata"]["name"]: each for each in found}


def pods(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod that is described, with where it is."""
    for each in objects:
        if each["kind"] in {"Deployment", "Job"}:
            yield f"{each['kind']}/{each['metadata']['name']}", each["spec"]["template"]["spec"]
        elif each["kind"] == "Pod":
            yield f"Pod/{each['metadata']['name']}", each["spec"]


def containers(pod: Object) -> Iterator[Object]:
    """All containers of a pod, init containers first."""
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def container(objects: Iterable[Object], deployment: str, name: str) -> Object:
    """One container of a Deployment."""
    pod = of_kind(objects, "Deployment")[deployment]["spec"]["template"]["spec"]
    return next(each for each in containers(pod) if each["name"] == name)
