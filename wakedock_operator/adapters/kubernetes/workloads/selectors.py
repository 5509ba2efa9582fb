"""Label selectors: as query parameters, and as the plain labels that a Service needs."""

from wakedock_operator.adapters.kubernetes.workloads.documents import Document

_OPERATORS = {"In": "in", "NotIn": "notin"}


def query(selector: Document) -> str:
    """A workload's `spec.selector` as the parameter `labelSelector`."""
    parts = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        name, operator = each["key"], each["operator"]
        if operator in _OPERATORS:
            parts.append(f"{name} {_OPERATORS[operator]} ({','.join(each.get('values') or ())})")
        else:
            parts.append(name if operator == "Exists" else f"!{name}")
    return ",".join(parts)


def service_selector(selector: Document, template_labels: Document) -> dict[str, str] | None:
    """Labels by which a Service finds the same pods; None where labels alone cannot say it.

    A Service knows no expressions: for each one the pods' own label of that name stands in its place, where they have it.
    """
    labels = dict(selector.get("matchLabels") or {})
    for each in selector.get("matchExpressions") or ():
        if each["key"] in template_labels:
            labels[each["key"]] = template_labels[each["key"]]
    return labels or None


def parse_labels(text: str) -> dict[str, str] | None:
    """The labels that a selector in text form (`status.selector` of a scale) asks for; None where it asks for more than plain labels."""
    labels = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or name.endswith("!") or " " in name.strip():
            return None
        labels[name.strip()] = value.removeprefix("=").strip()
    return labels or None
