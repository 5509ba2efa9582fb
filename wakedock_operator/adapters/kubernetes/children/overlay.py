"""Laying one piece of configuration over another, as a person means it."""

from collections.abc import Mapping
from typing import Any


def overlaid(below: Any, above: Any) -> Any:
    """`above` over `below`: objects are merged, lists whose entries all have a `name` are joined by name, everything else is replaced."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{name: overlaid(below.get(name), value) for name, value in above.items()}}
    if _named(below) and _named(above):
        wanted = {each["name"]: each for each in above}
        known = {each["name"] for each in below}
        kept = [overlaid(each, wanted[each["name"]]) if each["name"] in wanted else each for each in below]
        return [*kept, *(each for each in above if each["name"] not in known)]
    return above


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) and "name" in each for each in value)
