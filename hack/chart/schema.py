"""charts/wakedock/values.schema.json: Helm refuses what does not fit, a misspelt name above all."""

import json
from typing import Any

from hack.chart.values import Value, read_values

TYPES: dict[type, str] = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", float: "number"}


def text() -> str:
    """The schema."""
    # `global` is what Helm hands to every chart.
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart wakedock",
        **_object(read_values(), extra={"global": {"type": "object"}}),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _object(values: tuple[Value, ...], *, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {value.path[-1]: _schema(value) for value in values}
    return {"type": "object", "additionalProperties": False, "properties": properties | (extra or {})}


def _schema(value: Value) -> dict[str, Any]:
    if value.parts:
        return _object(value.parts)
    described = {"description": value.description} if value.description else {}
    kind = {} if value.default is None else {"type": TYPES[type(value.default)]}
    return described | kind | {"default": value.default} | value.schema
