"""What a definition means to this backend: what it cannot honour, when a process must be made anew, and what an app listens on."""

import hashlib
import json
from collections.abc import Iterator

from wakedock_operator.adapters.process.account import may_run_as
from wakedock_operator.adapters.process.environment import RESERVED
from wakedock_operator.resource import WakeService, backends
from wakedock_operator.resource.references import PORT, dependency_references, references


def refusals(service: WakeService) -> Iterator[str]:
    """Every field that a process cannot honour, with the reason."""
    yield from backends.refusals(service, backends.Backend.PROCESS)
    app = service.spec.app
    if app is None:
        return
    if not may_run_as(app.user):
        yield f"spec.app.user: only root may start processes of {app.user!r}; run WakeDock as root or leave the field out"
    for variable in app.env:
        if variable.name in RESERVED:
            yield f"spec.app.env: {variable.name} is set by WakeDock; " + (
                "use spec.port to choose the port" if variable.name == PORT else "choose another name"
            )


def fingerprint(service: WakeService) -> str:
    """Changes exactly when a running process is no longer what the definition asks for."""
    spec = service.spec
    relevant = {
        "app": None if spec.app is None else spec.app.model_dump(mode="json", exclude={"stop_signal"}, exclude_defaults=True),
        "port": spec.port,
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def listens(service: WakeService) -> bool:
    """Whether the app is expected on a port: it has hosts or a port, or asks for one with `$(PORT)`. Else it is a worker."""
    spec = service.spec
    if spec.hosts or spec.port is not None or spec.app is None:
        return True
    readiness = spec.wake.readiness
    if readiness is not None and readiness.command is None:
        return True
    return any(PORT in references(text) for _, text in spec.app.templates())


def dependency_names(service: WakeService) -> tuple[str, ...]:
    """The dependencies whose port the app's command, environment or readiness command asks for."""
    spec = service.spec
    texts = [text for _, text in spec.app.templates()] if spec.app is not None else []
    if spec.wake.readiness is not None and spec.wake.readiness.command is not None:
        texts.extend(spec.wake.readiness.command.command)
    return tuple(dict.fromkeys(name for text in texts for name in dependency_references(text)))
