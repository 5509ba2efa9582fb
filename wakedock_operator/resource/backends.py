"""Which backend honours which field.

One format describes an app for every backend, and no backend leaves out in silence what it cannot do: it refuses the definition and says
why. The table is read by the backends, by the rules of the CRD and by the reference page.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wakedock_operator.resource.identity import MAX_LABEL
from wakedock_operator.resource.references import dependency_references
from wakedock_operator.resource.wakeservice import Spec, WakeService


class Backend(StrEnum):
    """What can run an app."""

    PROCESS = "process"
    KUBERNETES = "Kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A field that a backend honours not at all, or only with some values."""

    field: str
    """Below `spec`, as a document spells it; `[]` stands for every entry of a list."""
    backend: Backend
    reason: str
    """Why, and what to do instead."""
    allowed: tuple[str, ...] = ()
    """The values that hold all the same. Without any the field must be left out."""

    def refuses(self, value: object) -> bool:
        """Whether a value of the field is one that the backend cannot honour."""
        return str(value) not in self.allowed if self.allowed else value not in (None, ())


_container = "a process has no container; leave the field out"
_pod = "a process has no pod; leave the field out"
_cluster = "a process sees nothing of a cluster; "


def _process(field: str, reason: str, *allowed: str) -> Limit:
    return Limit(field=field, backend=Backend.PROCESS, reason=reason, allowed=allowed)


def _kubernetes(field: str, reason: str, *allowed: str) -> Limit:
    return Limit(field=field, backend=Backend.KUBERNETES, reason=reason, allowed=allowed)


LIMITS: tuple[Limit, ...] = (
    _process("targetRef", "processes have no existing workload to refer to; describe the app in spec.app"),
    _process("replicas", "a process has one instance; leave the field out", "1"),
    _process("service", _cluster + "give the app a host and call that"),
    _process("wake.via", _cluster + "leave the field out", "Pod"),
    _process("app.image", "a process has no image; name the program in spec.app.command and leave the image out"),
    _process("app.args", "a process has one list of words; write them at the end of spec.app.command"),
    _process("app.env[].valueFrom", _cluster + "use value, or a file in spec.app.envFrom"),
    _process("app.envFrom[].configMapRef", _cluster + "use a file"),
    _process("app.envFrom[].secretRef", _cluster + "use a file"),
    _process("app.volumes", _pod),
    _process("app.volumeMounts", _container),
    _process("app.resources", "WakeDock does not limit processes; start it under limits of its own, such as those of a systemd unit"),
    _process("app.readinessProbe", _container + " and use spec.wake.readiness"),
    _process("app.livenessProbe", _container),
    _process("app.startupProbe", _container + " and use spec.wake.readiness"),
    _process("app.securityContext", _container + ", or use spec.app.user"),
    _process("app.podSecurityContext", _pod + ", or use spec.app.user"),
    _process("app.serviceAccountName", _pod),
    _process("app.imagePullSecrets", _pod),
    _process("app.podTemplate", _pod),
    _kubernetes("app.user", "the users of a container are numbers of its own; write it as spec.app.securityContext.runAsUser"),
    _kubernetes("app.envFrom[].file", "a pod sees no files of yours; put the variables into a ConfigMap or a Secret and name that"),
    _kubernetes("app.stopSignal", "Kubernetes sends the signal that the image names; set it there and leave the field out", "SIGTERM"),
    _kubernetes("wake.readiness.command", "the gateway runs nothing inside a pod; declare an exec probe in spec.app.readinessProbe"),
    _kubernetes("sleep.mode", "Kubernetes can only scale to zero; use Stop or Never", "Stop", "Never"),
    _kubernetes("sleep.onExit", "apps stay as they are when WakeDock ends on a cluster; leave the field out", "Keep"),
)
"""In the order in which a definition is checked."""

STABLE_SUFFIX = "-wakedock"
"""What is added to a WakeService's name for the Service with the app's stable address."""

MAX_NAME = MAX_LABEL - len(STABLE_SUFFIX)
NAME_NEEDED = (
    f"on Kubernetes a name has at most {MAX_NAME} characters, begins with a letter and does not end in {STABLE_SUFFIX!r}, "
    "because Services are named after it"
)
COMMAND_NEEDED = "this field is needed: the program and its arguments, such as [python3, -m, http.server, $(PORT)]"
IMAGE_NEEDED = "this field is needed on Kubernetes: the container image, such as registry.example.org/shop/web:1.4"
PORT_NEEDED = "this field is needed on Kubernetes where there are hosts, a service or a readiness that asks the port"

STABLE_TAKEN = f"a WakeService's own name with {STABLE_SUFFIX!r} after it is the Service with its stable address; choose another name"


def refusals(service: WakeService, backend: Backend) -> Iterator[str]:
    """Every field of `service` that `backend` cannot honour, or that it needs and that is not there, as `field: reason`."""
    for limit in LIMITS:
        if limit.backend is backend:
            for place, value in _values(service.spec, limit.field):
                if limit.refuses(value):
                    yield f"spec.{place}: {limit.reason}"
    yield from _needs[backend](service)


def refusal(service: WakeService, backend: Backend) -> str | None:
    """The first of `refusals`; None when there is none."""
    return next(refusals(service, backend), None)


def limits_of(field: str) -> Iterator[Limit]:
    """The limits of a field below `spec`, those of what it stands in included."""
    return (limit for limit in LIMITS if field == limit.field or field.startswith((f"{limit.field}.", f"{limit.field}[].")))


def asks_port(spec: Spec) -> bool:
    """Whether something is defined that needs to know where the app listens."""
    readiness = spec.wake.readiness
    return bool(spec.hosts) or spec.service is not None or (readiness is not None and readiness.command is None)


def _needed_by_processes(service: WakeService) -> Iterator[str]:
    app = service.spec.app
    if app is not None and not app.command:
        yield f"spec.app.command: {COMMAND_NEEDED}"


def _needed_by_kubernetes(service: WakeService) -> Iterator[str]:
    spec, name = service.spec, service.metadata.name
    if len(name) > MAX_NAME or not name[0].isalpha() or name.endswith(STABLE_SUFFIX):
        yield f"metadata.name: {NAME_NEEDED}"
    if spec.app is not None and spec.app.image is None:
        yield f"spec.app.image: {IMAGE_NEEDED}"
    if spec.port is None and asks_port(spec):
        yield f"spec.port: {PORT_NEEDED}"
    if spec.service is not None and spec.service.name == f"{name}{STABLE_SUFFIX}":
        yield f"spec.service.name: {STABLE_TAKEN}"
    for place, text in spec.app.templates() if spec.app is not None else ():
        for dependency in dependency_references(text):
            where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
            yield (
                f"spec.app{where}: $(PORT:{dependency}) is a port of the machine that WakeDock runs on; on Kubernetes write the name and "
                f"port of the dependency's Service, such as {dependency}:80"
            )


_needs: dict[Backend, Callable[[WakeService], Iterator[str]]] = {
    Backend.PROCESS: _needed_by_processes,
    Backend.KUBERNETES: _needed_by_kubernetes,
}


def _values(section: Any, field: str) -> Iterator[tuple[str, object]]:
    """What stands in a field, with its place; `[]` in `field` is spelled out."""
    first, _, rest = field.partition(".")
    name = first.removesuffix("[]")
    attribute = next(attribute for attribute, each in type(section).model_fields.items() if each.alias == name)
    value = getattr(section, attribute)
    found = [(f"{name}[{index}]", each) for index, each in enumerate(value)] if first.endswith("[]") else [(name, value)]
    for place, each in found:
        if not rest:
            yield place, each
        elif each is not None:
            yield from ((f"{place}.{below}", deep) for below, deep in _values(each, rest))
