"""What the API server checks beyond types and limits: CEL rules, each with a message that says what to do."""

from typing import Any

from wakedock_operator.resource.backends import (
    IMAGE_NEEDED,
    LIMITS,
    MAX_NAME,
    NAME_NEEDED,
    PORT_NEEDED,
    STABLE_SUFFIX,
    STABLE_TAKEN,
    Backend,
    Limit,
)
from wakedock_operator.resource.literals import RESERVED_PATH

Rule = dict[str, Any]

NAMES = "must be a name: lower-case letters, digits and '-', with a letter or digit first and last"
TIMES = "must be a time of day in hours and minutes, such as '08:30'"

PATTERNS: dict[str, str] = {
    r"^([0-9]{1,5}(h|m|s|ms)){1,4}$": "must be a duration: whole numbers with h, m, s or ms, such as 90s, 15m or 1h30m",
    r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$": NAMES,
    r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$": "must be the name of an object: lower-case letters, digits, '-' and '.'",
    r"^[a-z](?:[a-z0-9-]*[a-z0-9])?$": NAMES + ", the first a letter",
    r"^[A-Za-z_][A-Za-z0-9_.-]*$": "must be the name of a variable: letters, digits, '_', '-' and '.', and no digit in front",
    r"^(([01][0-9]|2[0-3]):([0-5][0-9]))$": TIMES,
    r"^(([01][0-9]|2[0-3]):([0-5][0-9])|24:00)$": TIMES + ", or '24:00'",
    r"^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*$": "must be an API version, such as 'apps/v1' or 'v1'",
    r"^[A-Z][A-Za-z0-9]*$": "must be a kind, such as 'Deployment' or 'StatefulSet'",
    r"^/": "must start with '/'",
    r"^/[^{}*?\[\]\\%#]*$": "must start with '/' and is taken literally: no '*', '?', '[', ']', '\\', '%' or '#'",
    r"^(\*\.)?[^{}*:/@\s]+$": "must be a host such as app.example.org, or a pattern such as *.example.org that stands for one label; "
    "no scheme, port or path",
}
"""What is said where a text does not match the pattern that the model gives it."""

REACHES_CADDY = frozenset(
    {
        "spec.hosts[]",
        "spec.paths[]",
        "spec.ignore.userAgents[]",
        "spec.ignore.paths[]",
        "spec.ignore.methods[]",
        "spec.ignore.cidrs[]",
        "spec.ignore.answer.body",
        "spec.service.from[]",
    }
)
"""Texts that become part of Caddy's configuration."""

LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "spec.hosts": ("set", ()),
    "spec.paths": ("set", ()),
    "spec.dependsOn": ("map", ("name",)),
    "spec.service.from": ("set", ()),
    "spec.schedule[].days": ("set", ()),
    "spec.ignore.userAgents": ("set", ()),
    "spec.ignore.paths": ("set", ()),
    "spec.ignore.methods": ("set", ()),
    "spec.ignore.cidrs": ("set", ()),
}
"""How two writers' lists are merged, and what may not be there twice; other lists belong to one writer as a whole."""


def _rule(expression: str, message: str, **more: str) -> Rule:
    return {"rule": expression, "message": message, **more}


def _one_of(*names: str) -> str:
    return f"[{', '.join(f'has(self.{name})' for name in names)}].exists_one(given, given)"


_route_path = _rule(
    f"self.lowerAscii() != '{RESERVED_PATH}' && !self.lowerAscii().startsWith('{RESERVED_PATH}/')",
    f"is reserved: WakeDock serves {RESERVED_PATH}/ itself on every host",
)

RULES: dict[str, tuple[Rule, ...]] = {
    "": (
        _rule(
            f"self.metadata.name.matches('^[a-z]([-a-z0-9]{{0,{MAX_NAME - 2}}}[a-z0-9])?$') && "
            f"!self.metadata.name.endsWith('{STABLE_SUFFIX}')",
            f"metadata.name must be a DNS label: lower-case letters, digits and '-'; {NAME_NEEDED}",
        ),
        _rule(
            "!has(self.spec.dependsOn) || self.spec.dependsOn.all(each, each.name != self.metadata.name)",
            "a service cannot depend on itself; take it out",
            fieldPath=".spec.dependsOn",
        ),
        _rule(
            f"!has(self.spec.service) || !has(self.spec.service.name) || self.spec.service.name != self.metadata.name + '{STABLE_SUFFIX}'",
            STABLE_TAKEN,
            fieldPath=".spec.service.name",
        ),
    ),
    "spec": (
        _rule(
            "has(self.app) != has(self.targetRef)",
            "there must be exactly one of app (a workload that WakeDock creates) and targetRef (one that exists)",
        ),
        _rule(
            "has(self.targetRef) == has(oldSelf.targetRef) && (!has(self.targetRef) || self.targetRef == oldSelf.targetRef)",
            "targetRef cannot be changed, added or taken out later; make another WakeService and delete this one",
            fieldPath=".targetRef",
        ),
        _rule(
            "has(self.port) || !((has(self.hosts) && size(self.hosts) > 0) || has(self.service)"
            " || (has(self.wake) && has(self.wake.readiness) && (has(self.wake.readiness.http) || has(self.wake.readiness.tcp))))",
            PORT_NEEDED,
            fieldPath=".port",
            reason="FieldValueRequired",
        ),
        _rule(
            "!has(self.targetRef) || !has(self.service) || has(self.service.name)",
            "needs a name with targetRef: choose one that no Service has yet",
            fieldPath=".service",
        ),
    ),
    "spec.app": (_rule("has(self.image)", IMAGE_NEEDED, fieldPath=".image", reason="FieldValueRequired"),),
    "spec.app.env[]": (
        _rule(
            "!has(self.valueFrom) || !has(self.value) || self.value == ''",
            "there can be either value or valueFrom, not both; take one out",
        ),
    ),
    "spec.app.envFrom[]": (_rule(_one_of("file", "configMapRef", "secretRef"), "needs exactly one of configMapRef and secretRef"),),
    "spec.wake.readiness": (_rule(_one_of("http", "tcp", "command"), "needs exactly one of http and tcp"),),
    "spec.paths[]": (_route_path,),
    "spec.ignore.paths[]": (_route_path,),
}


def rules_at(place: str, *, kind: str, pattern: str | None) -> list[Rule]:
    """Every rule for the value at `place`, of an OpenAPI type and with the pattern of the model."""
    found = list(RULES.get(place, ()))
    if kind == "object":
        found += [_refusal(limit) for limit in LIMITS if limit.backend is Backend.KUBERNETES and _parent(limit.field) == place]
    if pattern is not None:
        found.append(_rule(f"self.matches({_text(pattern)})", PATTERNS[pattern]))
    if place in REACHES_CADDY:
        found.append(
            _rule(
                "!self.matches('[{}\\\\x00-\\\\x08\\\\x0b-\\\\x1f\\\\x7f]')",
                "holds a brace or a control character; '{' and '}' would be placeholders to Caddy",
            )
        )
    return found


def _refusal(limit: Limit) -> Rule:
    name = limit.field.rpartition(".")[2]
    expression = f"!has(self.{name})"
    if limit.allowed:
        expression += f" || self.{name} in [{', '.join(_text(value) for value in limit.allowed)}]"
    return _rule(expression, limit.reason, fieldPath=f".{name}")


def _parent(field: str) -> str:
    above = field.rpartition(".")[0]
    return f"spec.{above}" if above else "spec"


def _text(value: str) -> str:
    """A CEL literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
