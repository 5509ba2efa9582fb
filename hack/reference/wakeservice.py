"""The reference page of the WakeService, rendered from the model."""

import json
from collections.abc import Iterator
from datetime import time, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wakedock_operator.resource.backends import LIMITS, Backend, limits_of
from wakedock_operator.resource.opaque import Opaque
from wakedock_operator.resource.readiness import StatusRange
from wakedock_operator.resource.wakeservice import WakeService

_words: dict[object, str] = {
    str: "text",
    int: "number",
    bool: "true or false",
    timedelta: "duration",
    time: "time of day",
    StatusRange: "status or range",
    dict: "texts by name",
    Opaque: "object of Kubernetes",
}
_head = """# WakeService

<!-- Generated from the model by `make docs`. Do not edit. -->

A WakeService describes an app that sleeps while nobody needs it. This page lists every field;
[wakeservice.schema.json](wakeservice.schema.json) is the same as a JSON schema for editors.

Durations are written as in the Gateway API: whole numbers with `h`, `m`, `s` or `ms`, such as `90s`, `15m` or `1h30m`.
An unknown field is an error, never ignored. Strings that reach the gateway hold no braces.

The same document describes an app for every backend. The column *on* says which of them honour a field; what the others say about it
stands at [the end](#what-a-backend-refuses). On Kubernetes the entries of `dependsOn` are objects (`{name: db}`). How this format changes
from version to version is written in [versions.md](versions.md).

```yaml
apiVersion: wakedock.dev/v1alpha1
kind: WakeService
metadata:
  name: hello
spec:
  hosts: [hello.localhost]
  app:
    command: [python3, -m, http.server, "$(PORT)", --bind, 127.0.0.1]
  idleTimeout: 30s
```
"""


def reference() -> str:
    """The page, as Markdown."""
    return _head + "".join(_section("WakeService", WakeService)) + "".join(_refused())


def _refused() -> Iterator[str]:
    yield "\n## What a backend refuses\n\nA backend that cannot honour a field refuses the WakeService with the reason.\n\n"
    yield "| field | refused by | except | reason |\n|---|---|---|---|\n"
    for limit in LIMITS:
        yield f"| `spec.{limit.field}` | {limit.backend} | {_values(limit.allowed)} | {_cell(limit.reason)} |\n"


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    heading = "##" if "." not in title else "###"
    yield f"\n{heading} {title}\n\n{' '.join((model.__doc__ or '').split())}\n\n"
    yield "| field | type | default | on | meaning |\n|---|---|---|---|---|\n"
    for attribute, field in model.model_fields.items():
        default = _default(model, attribute, field)
        where = _where(f"{title}.{field.alias}")
        yield f"| `{field.alias}` | {_type(field.annotation)} | {default} | {where} | {_cell(field.description or '')} |\n"
    for name, field in ((field.alias, field) for field in model.model_fields.values()):
        below = model_below(field.annotation)
        if below is not None and name is not None:
            yield from _section(name if title == "WakeService" else f"{title}.{name}{'[]' if _listed(field.annotation) else ''}", below)


def _where(place: str) -> str:
    """The backends that honour a field, and those that honour some values of it."""
    limits = {limit.backend: limit for limit in limits_of(place.removeprefix("spec."))}
    whole = [backend for backend in Backend if backend not in limits]
    partly = [f"{backend} only {_values(limit.allowed)}" for backend, limit in limits.items() if limit.allowed]
    return "; ".join([*(["everywhere"] if len(whole) == len(Backend) else whole), *partly])


def _values(values: tuple[str, ...]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(each) for each in arguments if each is not NoneType)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{each.value}`" for each in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "object"
    return _words[origin or annotation]


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """The default in the spelling of a document; nothing where the description says what happens without a value."""
    if field.is_required():
        return "*needed*"
    if field.default in (None, "", (), PydanticUndefined) or isinstance(field.default, BaseModel):
        return ""
    value = plain_default(model, name)
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def plain_default(model: type[BaseModel], name: str) -> Any:
    """The default of a field as a document holds it."""
    default = model.model_fields[name].default
    (value,) = model.model_construct(**{name: default}).model_dump(mode="json", by_alias=True, include={name}).values()
    return value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _listed(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def model_below(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, or a list of which it is."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := model_below(each)) is not None), None)
