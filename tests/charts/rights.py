"""What accounts may do, in words: a line for each rule."""

from tests.charts.objects import Object, of_kind


def rights(objects: list[Object]) -> dict[str, dict[str, list[str]]]:
    """By account and where, one line for each rule."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for binding in of_kind(objects, kind).values():
            reference, namespace = binding["roleRef"], binding["metadata"].get("namespace")
            (role,) = [
                each
                for each in objects
                if each["kind"] == reference["kind"]
                and each["metadata"]["name"] == reference["name"]
                and each["metadata"].get("namespace") in (None, namespace)
            ]
            for subject in binding["subjects"]:
                found.setdefault(subject["name"], {})[namespace or "everywhere"] = [line(rule) for rule in role["rules"]]
    return {account: dict(sorted(places.items())) for account, places in sorted(found.items())}


def line(rule: Object) -> str:
    """One rule of a role, or of what an API server says about an account."""
    groups = ", ".join(group or "core" for group in rule["apiGroups"])
    names = f" ({', '.join(rule['resourceNames'])})" if "resourceNames" in rule else ""
    return f"{groups}: {', '.join(rule['resources'])}{names}: {', '.join(rule['verbs'])}"
