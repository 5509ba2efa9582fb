"""crds/wakeservices.wakedock.dev.yaml: the model as a CustomResourceDefinition."""

from typing import Any

import yaml

from hack.crd.rules import rules_at
from hack.crd.status import status
from hack.crd.structural import section
from wakedock_operator.resource import API_VERSION, KIND, Spec

GROUP, VERSION = API_VERSION.split("/")

_head = "# Generated from the model by `make docs`. Do not edit.\n"
_about = """\
An app that sleeps while nobody needs it and wakes at the first request. `spec` says what the app is, which hosts lead to it and when it \
may sleep; `status` says what it does now."""
_columns = (
    ("Host", "string", ".spec.hosts[0]", "The first of the hosts that lead to the app."),
    ("State", "string", ".status.state", "What the app does."),
    ("Reason", "string", ".status.reason", "Why it is so."),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether a request would be served, at once or after a wake."),
    ("Since", "date", ".status.since", "How long requests have been going where they go."),
    ("Age", "date", ".metadata.creationTimestamp", "How long the WakeService has been there."),
)


def definition() -> dict[str, Any]:
    """The object that is given to an API server."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"wakeservices.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": "wakeservices",
                "singular": "wakeservice",
                "shortNames": ["wks"],
                "categories": ["wakedock"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "description": description}
                        for name, kind, path, description in _columns
                    ],
                    "schema": {"openAPIV3Schema": schema()},
                }
            ],
        },
    }


def schema() -> dict[str, Any]:
    """The schema of one WakeService."""
    return {
        "description": _about,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"The version of this format: `{API_VERSION}`.", "type": "string"},
            "kind": {"description": f"The kind of this object: `{KIND}`.", "type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": section(Spec, "spec"),
            "status": status(),
        },
        "x-kubernetes-validations": rules_at("", kind="object", pattern=None),
    }


class _Plain(yaml.SafeDumper):
    """Writes out what stands in several places, instead of referring to it."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never an alias."""
        return True


def text() -> str:
    """The file."""
    return _head + yaml.dump(definition(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
