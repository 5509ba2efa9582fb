"""docs/reference/wakeservice.md, from the JSON schema of the model."""

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

BEGINNING = """\
# WakeService: every field

Made from the model by `make docs`. The same as JSON Schema, for editors: [wakeservice.schema.json](wakeservice.schema.json).
Durations are written as `90s`, `15m` or `1h30m`. A field that is not listed is refused, and so is one that the backend cannot honour.
"""


def reference(schema: Schema) -> str:
    """One section per object, in the order in which a reader meets them, with a table of its fields."""
    definitions = schema["$defs"]
    sections = [BEGINNING]
    for path, described in objects(schema, definitions):
        sections.append(f"## {path or 'WakeService'}\n\n{described.get('description', '')}\n\n{table(described, definitions)}")
    return "\n".join(sections)


def objects(schema: Schema, definitions: dict[str, Schema], path: str = "") -> Iterator[tuple[str, Schema]]:
    """The object itself and those below it, each with its dotted path; a list's entries are `name[]`."""
    yield path, schema
    for name, field in schema["properties"].items():
        for entry, shape in shapes(field, definitions):
            if "properties" in shape:
                suffix = "[]" if entry else ""
                yield from objects(shape, definitions, f"{path}.{name}{suffix}".lstrip("."))


def shapes(field: Schema, definitions: dict[str, Schema]) -> Iterator[tuple[bool, Schema]]:
    """What a field may be, references followed: each with whether it is an entry of a list. Null, the absent field, is left out."""
    if "$ref" in field:
        yield from shapes(definitions[field["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in field:
        for choice in field["anyOf"]:
            yield from shapes(choice, definitions)
    elif field.get("type") == "array":
        for _, shape in shapes(field["items"], definitions):
            yield True, shape
    elif field.get("type") != "null":
        yield False, field


def kind(field: Schema, definitions: dict[str, Schema]) -> str:
    """What may be written, in words."""
    words = []
    for entry, shape in shapes(field, definitions):
        if "enum" in shape:
            word = ", ".join(f"`{value}`" for value in shape["enum"])
        elif "const" in shape:
            word = f"`{shape['const']}`"
        else:
            word = {"duration": "duration"}.get(shape.get("format", ""), str(shape.get("type", "any")))
        words.append(f"list of {word}" if entry else word)
    return " or ".join(dict.fromkeys(words))


def table(described: Schema, definitions: dict[str, Schema]) -> str:
    """A row per field: what it is called, what may be written, what holds without it, what it means."""
    rows = ["| field | value | default | meaning |", "|---|---|---|---|"]
    required = described.get("required", [])
    for name, field in described["properties"].items():
        # The fields of an object have their defaults in their own table.
        has_table = any("properties" in shape for _, shape in shapes(field, definitions))
        shown = "required" if name in required else "" if has_table else written(field.get("default"))
        meaning = " ".join(field.get("description", "").split())
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{name}`", kind(field, definitions), shown, meaning)) + " |")
    return "\n".join(rows) + "\n"


def written(default: object) -> str:
    """A default as it would stand in a file; nothing where it stands for absence."""
    if default in (None, "", [], {}):
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default, ensure_ascii=False)}`"
