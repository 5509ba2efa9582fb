"""ServiceAccounts that may do what a test says, and no more: everything else in these tests is done by an administrator."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from hack.cluster.kubectl import Kubectl

Rule = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"


def rule(what: str, *verbs: str, names: tuple[str, ...] = ()) -> Rule:
    """A rule of a role for `RESOURCE[/PART][.GROUP]`; with `names`, for those alone."""
    whole, _, group = what.partition(".")
    return {"apiGroups": [group], "resources": [whole], "verbs": [*verbs]} | ({"resourceNames": [*names]} if names else {})


def allow(kubectl: Kubectl, account: str, *rules: Rule, of: str = "") -> None:
    """The account (`of` another namespace) may do this in the namespace of kubectl, and what it was allowed there before no more.

    Returns when the API server goes by it.
    """
    of, seen = of or kubectl.namespace, uuid4().hex
    about = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": account}}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": account}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": of}
    kubectl.apply(
        about | {"kind": "Role", "rules": [*rules, rule("roles.seen", "get", names=(seen,))]},
        about | {"kind": "RoleBinding", "roleRef": reference, "subjects": [subject]},
    )
    asked = {"verb": "get", "group": "seen", "resource": "roles", "name": seen, "namespace": kubectl.namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{of}:{account}", "resourceAttributes": asked},
    }
    deadline = time.monotonic() + 20
    while not json.loads(kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review)))["status"]["allowed"]:
        assert time.monotonic() < deadline, "the API server does not go by the role"
        time.sleep(0.05)


def kubeconfig_of(kubectl: Kubectl, account: str, folder: Path) -> Path:
    """Make a ServiceAccount where there is none, and a kubeconfig of it, with a token of an hour."""
    kubectl.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
    token = kubectl("create", "token", account).strip()
    made = yaml.safe_load(kubectl.kubeconfig.read_text())
    for user in made["users"]:
        user["user"] = {"token": token}
    path = folder / f"{account}.kubeconfig"
    path.write_text(yaml.safe_dump(made))
    return path
