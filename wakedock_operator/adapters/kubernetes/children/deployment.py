"""The Deployment of an `app`: from the fields of the definition, with `podTemplate` laid over it. Never its replicas."""

from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import SERVICE_LABEL, labels, owner
from wakedock_operator.adapters.kubernetes.children.overlay import overlaid
from wakedock_operator.resource import App, Key, WakeService

CONTAINER = "app"
"""What the app's own container is called."""

Json = dict[str, Any]


def selector(key: Key) -> dict[str, str]:
    """The labels by which the pods of an `app` are found. They never change: a Deployment's selector cannot."""
    return {SERVICE_LABEL: key.name}


def first(key: Key, uid: str, image: str) -> Json:
    """The least that a Deployment needs, at zero: everything else is applied by another manager, which so owns what it may take back."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels(key), "ownerReferences": owner(key, uid)},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": selector(key)},
            "template": {"metadata": {"labels": selector(key)}, "spec": {"containers": [{"name": CONTAINER, "image": image}]}},
        },
    }


def applied(service: WakeService, uid: str) -> Json:
    """What the operator applies: all but the replicas."""
    key, app = service.key, service.spec.app
    assert app is not None  # noqa: S101 - the caller has an app
    made: Json = {"metadata": {"labels": labels(key) | selector(key)}, "spec": _pod(service, app)}
    template = overlaid(made, app.pod_template or {})
    template["metadata"]["labels"] |= selector(key)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels(key), "ownerReferences": owner(key, uid)},
        "spec": {"selector": {"matchLabels": selector(key)}, "template": template},
    }


def _pod(service: WakeService, app: App) -> Json:
    grace = service.spec.sleep.grace_period
    return _without_nothing(
        {
            "containers": [_container(service, app)],
            "volumes": list(app.volumes),
            "securityContext": app.pod_security_context,
            "serviceAccountName": app.service_account_name,
            "imagePullSecrets": [each.model_dump(mode="json", by_alias=True) for each in app.image_pull_secrets],
            "terminationGracePeriodSeconds": None if grace is None else max(1, round(grace.total_seconds())),
        }
    )


def _container(service: WakeService, app: App) -> Json:
    port = service.spec.port
    # First, so that the others may refer to it as $(PORT), which Kubernetes itself expands.
    given = [] if port is None else [{"name": "PORT", "value": str(port)}]
    return _without_nothing(
        {
            "name": CONTAINER,
            "image": app.image,
            "command": list(app.command),
            "args": list(app.args),
            "env": [*given, *(_plain(each) for each in app.env if each.name != "PORT" or port is None)],
            "envFrom": [_plain(each) for each in app.env_from],
            "workingDir": app.working_dir,
            "ports": [] if port is None else [{"name": "app", "containerPort": port}],
            "volumeMounts": list(app.volume_mounts),
            "resources": app.resources,
            "readinessProbe": app.readiness_probe,
            "livenessProbe": app.liveness_probe,
            "startupProbe": app.startup_probe,
            "securityContext": app.security_context,
        }
    )


def _plain(section: Any) -> Json:
    found: Json = section.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return found


def _without_nothing(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, [], ())}
