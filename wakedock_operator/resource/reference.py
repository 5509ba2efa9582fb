"""The reference page of the WakeService, rendered from the model.

`python -m wakedock_operator.resource.reference` writes it, and the schema.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wakedock_operator.resource.readiness import StatusRange
from wakedock_operator.resource.schema import schema_text
from wakedock_operator.resource.wakeservice import WakeService

REFERENCE = "wakeservice.md"
SCHEMA = "wakeservice.schema.json"

_words: dict[object, str] = {
    str: "text",
    int: "number",
    bool: "true or false",
    timedelta: "duration",
    time: "time of day",
    StatusRange: "status or range",
    dict: "texts by name",
}
_head = """# WakeService

<!-- Generated from the model by `python -m wakedock_operator.resource.reference`. Do not edit. -->

A WakeService describes an app that sleeps while nobody needs it. This page lists every field;
[wakeservice.schema.json](wakeservice.schema.json) is the same as a JSON schema for editors.

Durations are written as in the Gateway API: whole numbers with `h`, `m`, `s` or `ms`, such as `90s`, `15m` or `1h30m`.
An unknown field is an error, never ignored. Strings that reach the gateway hold no braces.

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
    return _head + "".join(_section("WakeService", WakeService))


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    heading = "##" if "." not in title else "###"
    yield f"\n{heading} {title}\n\n{' '.join((model.__doc__ or '').split())}\n\n"
    yield "| field | type | default | meaning |\n|---|---|---|---|\n"
    for attribute, field in model.model_fields.items():
        default = _default(model, attribute, field)
        yield f"| `{field.alias}` | {_type(field.annotation)} | {default} | {_cell(field.description or '')} |\n"
    for name, field in ((field.alias, field) for field in model.model_fields.values()):
        below = _model(field.annotation)
        if below is not None and name is not None:
            yield from _section(name if title == "WakeService" else f"{title}.{name}{'[]' if _listed(field.annotation) else ''}", below)


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
    plain = model.model_construct(**{name: field.default}).model_dump(mode="json", by_alias=True, include={name})
    (value,) = plain.values()
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _listed(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model(each)) is not None), None)


def main() -> None:
    """Write the page and the schema."""
    parser = argparse.ArgumentParser(description="Write the reference page and the JSON schema of a WakeService.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/reference"), help="where to (default: %(default)s)")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REFERENCE).write_text(reference(), encoding="utf-8")
    (folder / SCHEMA).write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
