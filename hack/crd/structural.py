"""From the model to a structural OpenAPI schema: nothing referred to, one type each, every list and text bounded."""

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hack.crd.rules import LISTS, rules_at
from hack.reference.wakeservice import model_below, plain_default

Schema = dict[str, Any]

_dropped = {"title", "default", "additionalProperties", "format"}


def section(model: type[BaseModel], place: str) -> Schema:
    """The object that a section is, with everything below it."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    plain = schema if "properties" in schema else next(each for each in schema["anyOf"] if "properties" in each)
    properties: Schema = {}
    for attribute, field in model.model_fields.items():
        properties[str(field.alias)] = _field(model, attribute, plain["properties"][field.alias], schema.get("$defs", {}), place)
    found = {
        "description": " ".join((model.__doc__ or "").split()),
        "type": "object",
        "required": plain.get("required", []),
        "properties": properties,
    }
    return _ruled({name: value for name, value in found.items() if value != []}, place)


def _field(model: type[BaseModel], attribute: str, written: Schema, definitions: Schema, above: str) -> Schema:
    field = model.model_fields[attribute]
    place = f"{above}.{field.alias}" if above else str(field.alias)
    below = model_below(field.annotation)
    limits = _only(_flat(written, definitions))
    found: Schema
    if limits.get("type") == "array":
        items = section(below, f"{place}[]") if below else _ruled(_leaf(_flat(limits["items"], definitions)), f"{place}[]")
        kind, keys = LISTS.get(place, ("atomic", ()))
        found = limits | {"items": items, "x-kubernetes-list-type": kind} | ({"x-kubernetes-list-map-keys": list(keys)} if keys else {})
    else:
        found = section(below, place) if below else _ruled(_leaf(limits), place)
    return {"description": field.description, **{k: v for k, v in found.items() if k != "description"}, **_default(model, attribute, field)}


def _default(model: type[BaseModel], attribute: str, field: FieldInfo) -> Schema:
    if field.is_required() or field.default in (None, (), ""):
        return {}
    return {"default": {} if isinstance(field.default, BaseModel) else plain_default(model, attribute)}


def _flat(written: Schema, definitions: Schema) -> Schema:
    """A schema without references and without the null that stands for a field that is left out."""
    if "$ref" in written:
        return _flat(
            {**definitions[written["$ref"].removeprefix("#/$defs/")], **{k: v for k, v in written.items() if k != "$ref"}}, definitions
        )
    kinds = [each for each in written.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) == 1:
        return _flat({**kinds[0], **{k: v for k, v in written.items() if k != "anyOf"}}, definitions)
    return written


def _only(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name not in _dropped or (name == "additionalProperties" and value is True)}


def _leaf(schema: Schema) -> Schema:
    found = _only(schema)
    if "anyOf" in found:
        number, text = found["anyOf"]
        if (number["type"], text["type"]) != ("integer", "string"):
            raise ValueError(f"a field is either {number} or {text}, which no structural schema can say")
        return {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            **{name: value for each in (number, text) for name, value in each.items() if name != "type"},
        }
    if found.pop("additionalProperties", False):
        found["x-kubernetes-preserve-unknown-fields"] = True
    return found


def _ruled(schema: Schema, place: str) -> Schema:
    """With its rules. A pattern of a text becomes a rule, because a rule has a message."""
    pattern = schema.pop("pattern", None) if schema.get("type") == "string" else None
    if schema.get("type") == "string" and "maxLength" not in schema and "enum" not in schema:
        raise ValueError(f"{place} has no maxLength, so that the cost of its rules has no bound; give it one in the model")
    if schema.get("type") == "array" and "maxItems" not in schema:
        raise ValueError(f"{place} has no maxItems, so that the cost of its rules has no bound; give it one in the model")
    rules = rules_at(place, kind=str(schema.get("type")), pattern=pattern)
    return schema | ({"x-kubernetes-validations": rules} if rules else {})
