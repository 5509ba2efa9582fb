"""The Deployment of an `app`: from the fields of the definition, with `podTemplate` laid over it. Never its replicas."""

from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import SERVICE_LABEL, labels, owner
from wakedock_operator.adapters.kubernetes.children.overlay import overlaid
from wakedock_operator.resource import Key, WakeService

CONTAINER = "app"
"""What the app's own container is called."""

Json = dict[str, Any]


def selector(key: Key) -> dict[str, str]:
    """The labels by which the pods of an `app` are found. They never change: a Deployment's selector cannot."""
    return {SERVICE_LABEL: key.name}


def applied(service: WakeService, uid: str) -> Json:
    """What the operator applies: all but the replicas."""
    key, app = service.key, service.spec.app
    assert app is not None  # noqa: S101 - the caller has an app
    said = app.model_dump(mode="json", by_alias=True)
    made: Json = {"metadata": {"labels": labels(key) | selector(key)}, "spec": _pod(service, said)}
    template = overlaid(made, said["podTemplate"] or {})
    template["metadata"]["labels"] |= selector(key)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels(key), "ownerReferences": owner(key, uid)},
        "spec": {"selector": {"matchLabels": selector(key)}, "template": template},
    }


def _pod(service: WakeService, said: Json) -> Json:
    grace = service.spec.sleep.grace_period
    return _without_nothing(
        {
            "containers": [_container(service, said)],
            "volumes": said["volumes"],
            "securityContext": said["podSecurityContext"],
            "serviceAccountName": said["serviceAccountName"],
            "imagePullSecrets": said["imagePullSecrets"],
            "terminationGracePeriodSeconds": None if grace is None else max(1, round(grace.total_seconds())),
        }
    )


def _container(service: WakeService, said: Json) -> Json:
    port = service.spec.port
    # First, so that the others may refer to it as $(PORT), which Kubernetes itself expands.
    given = [] if port is None else [{"name": "PORT", "value": str(port)}]
    others = [_without_nothing(each) for each in said["env"] if each["name"] != "PORT" or port is None]
    return _without_nothing(
        {
            "name": CONTAINER,
            "image": said["image"],
            "command": said["command"],
            "args": said["args"],
            "env": [*given, *others],
            "envFrom": [_without_nothing(each) for each in said["envFrom"]],
            "workingDir": said["workingDir"],
            "ports": [] if port is None else [{"name": "app", "containerPort": port}],
            "volumeMounts": said["volumeMounts"],
            "resources": said["resources"],
            "readinessProbe": said["readinessProbe"],
            "livenessProbe": said["livenessProbe"],
            "startupProbe": said["startupProbe"],
            "securityContext": said["securityContext"],
        }
    )


def _without_nothing(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, [], ())}
