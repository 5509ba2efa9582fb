from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.workloads.managed_fields import holds

APPLIED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Thing",
    "metadata": {"name": "one", "namespace": "team", "labels": {"a": "1"}, "finalizers": ["keep"]},
    "spec": {"text": "x", "nothing": None, "ports": [{"port": 80}, {"port": 81, "name": "more"}], "whole": {"b": "2"}},
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:a": {}}, "f:finalizers": {'v:"keep"': {}}},
    "f:spec": {
        "f:text": {},
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}},
            'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}},
        },
        "f:whole": {},
    },
}


def without(fields: dict[str, Any], *path: str) -> dict[str, Any]:
    """The API server leaves nothing empty behind."""
    first, *rest = path
    left = {**fields, first: without(fields[first], *rest)} if rest else {}
    return {key: below for key, below in {**fields, **left}.items() if key != first or left.get(first)}


def shown(fields: dict[str, Any], **entry: str) -> dict[str, Any]:
    return {"metadata": {"managedFields": [{"manager": "me", "operation": "Apply", "fieldsV1": fields, **entry}]}}


def test_what_nobody_took_is_held():
    assert holds(shown(FIELDS), "me", APPLIED)


@pytest.mark.parametrize(
    "taken",
    [
        ("f:metadata", "f:labels", "f:a"),
        ("f:metadata", "f:finalizers", 'v:"keep"'),
        ("f:spec", "f:text"),
        ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}'),
        ("f:spec", "f:ports", 'k:{"port":81,"protocol":"TCP"}', "f:name"),
        ("f:spec", "f:whole"),
    ],
    ids=" ".join,
)
def test_what_somebody_took_is_not(taken: tuple[str, ...]):
    assert not holds(shown(without(FIELDS, *taken)), "me", APPLIED)


@pytest.mark.parametrize("entry", [{"manager": "other"}, {"operation": "Update"}, {"subresource": "status"}])
def test_only_what_the_manager_applied_itself_counts(entry: dict[str, str]):
    assert not holds(shown(FIELDS, **entry), "me", APPLIED)
