"""docs/reference/rbac.md, from the roles in manifests/wakedock.yaml and the comments above their rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hack.chart.manifests import NAMESPACE, installation
from hack.chart.values import comment

BEGINNING = f"""\
# What WakeDock may do on a cluster

Made from [the roles as they are installed](../../manifests/wakedock.yaml) by `make docs`. Each process has a ServiceAccount of its own,
here those of a release `wakedock` in the namespace `{NAMESPACE}`. The targets are those of the chart's default `scaleTargets`; each further
kind gets the same two rules. No rule has a wildcard, none names Secrets, and none lets anybody give rights away.

**With `watchNamespaces`** nothing holds in the whole cluster. What is listed as such stands, rule by rule the same, in a Role of each
watched namespace; what is listed for the release's own namespace stays. The roles for people and the admission policy are the cluster's and
are not installed: there, whoever should write WakeServices needs a role that says so.
"""
PEOPLE = """
## Roles for people

Kubernetes adds these to its own roles `view`, `edit` and `admin`: who has one of those in a namespace has this too.
`aggregatedRoles.enabled` switches them off. What a WakeService makes WakeDock do its author must be allowed to do himself:
[several teams on one cluster](../how-to/kubernetes-teams.md).
"""
AGGREGATES = "rbac.authorization.k8s.io/aggregate-to-"
PROCESSES = {
    "operator": "Decides for every WakeService, and keeps what belongs to them.",
    "gateway": "Takes the requests of the apps, holds them and wakes.",
    "restore": "The Job that puts targets back to the replicas that they had, before WakeDock is removed.",
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role or a binding as it is written; the reason of each rule is the comment above it."""

    content: dict[str, Any]
    reasons: tuple[str, ...] = ()

    @property
    def where(self) -> str | None:
        """The namespace; None for the whole cluster."""
        namespace: str | None = self.content["metadata"].get("namespace")
        return namespace

    @property
    def known_as(self) -> tuple[str, str, str | None]:
        """What a binding of its kind refers to."""
        return self.content["kind"], self.content["metadata"]["name"], self.where


def reference() -> str:
    """The page: a section per account, then the roles for people."""
    found = [read for document in installation().split("\n---\n") if (read := _read(document)) is not None]
    roles = {role.known_as: role for role in found if not role.content["kind"].endswith("Binding")}
    bindings = [role for role in found if role.content["kind"].endswith("Binding")]
    text = BEGINNING
    for process, about in PROCESSES.items():
        account = f"wakedock-{process}"
        text += f"\n## {account}\n\n{about}\n"
        for binding in bindings:
            if [subject["name"] for subject in binding.content["subjects"]] == [account]:
                reference = binding.content["roleRef"]
                place = "In the whole cluster" if binding.where is None else f"In the namespace `{binding.where}`"
                text += f"\n{place}:\n\n" + "".join(_table(roles.pop((reference["kind"], reference["name"], binding.where))))
    text += PEOPLE
    for _, role in sorted(roles.items(), reverse=True):
        text += f"\n`{role.content['metadata']['name']}`, part of {_joined(role)}:\n\n" + "".join(_table(role))
    return text


def _read(document: str) -> Role | None:
    """A role with its reasons, or a binding; None for anything else. Raises ValueError for a rule without a reason."""
    content = yaml.safe_load(document)
    if content is None or content["kind"] not in {"ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"}:
        return None
    lines, root = document.splitlines(), yaml.compose(document, Loader=yaml.SafeLoader)
    written: dict[str, yaml.Node] = {key.value: value for key, value in root.value} if root is not None else {}
    rules: list[yaml.Node] = written["rules"].value if "rules" in written else []
    reasons = tuple(comment(lines, rule.start_mark.line)[0] for rule in rules)
    if not all(reasons):
        raise ValueError(f"{content['kind']} {content['metadata']['name']}: a rule has no comment that says why")
    return Role(content, reasons)


def _table(role: Role) -> Iterator[str]:
    yield "| group | resources | verbs | why |\n|---|---|---|---|\n"
    for rule, reason in zip(role.content["rules"], role.reasons, strict=True):
        groups = ", ".join(f"`{group}`" if group else "core" for group in rule["apiGroups"])
        resources = ", ".join(f"`{resource}`" for resource in rule["resources"])
        names = ", ".join(f"`{name}`" for name in rule.get("resourceNames", ()))
        yield f"| {groups} | {resources}{f' named {names}' if names else ''} | {', '.join(rule['verbs'])} | {reason} |\n"


def _joined(role: Role) -> str:
    """The roles of Kubernetes that it is added to."""
    labels = role.content["metadata"]["labels"]
    return ", ".join(f"`{label.removeprefix(AGGREGATES)}`" for label in labels if label.startswith(AGGREGATES))
