"""The JSON schema accepts and refuses what the model does, and every field is described."""

import re
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from hack.reference import wakeservice
from tests.resource.documents import document, service
from tests.resource.test_wakeservice import EVERYTHING
from wakedock_operator.resource import WakeService, schema


@pytest.mark.parametrize("spec", [EVERYTHING, {}, {"dependsOn": ["db"]}, {"targetRef": {"name": "web"}, "app": None}])
def test_the_schema_accepts_what_the_model_accepts(spec: dict[str, Any]):
    found = document(**spec)
    service(**spec)
    jsonschema.validate(found, schema.json_schema())


@pytest.mark.parametrize(
    "spec", [{"idleTimeout": "5"}, {"idletimeout": "5m"}, {"port": 0}, {"hosts": ["{env.X}"]}, {"paths": ["a"]}, {"wake": {"onCold": "x"}}]
)
def test_the_schema_refuses_what_the_model_refuses(spec: dict[str, Any]):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document(**spec), schema.json_schema())


def models(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    seen.add(model)
    for field in model.model_fields.values():
        below = wakeservice.model_below(field.annotation)
        if below is not None and below not in seen:
            models(below, seen)
    return seen


def test_every_field_is_described():
    undescribed = [
        f"{model.__name__}.{name}"
        for model in models(WakeService, set())
        for name, field in model.model_fields.items()
        if not re.search(r"\w.*\.$", field.description or "", re.DOTALL)
    ]
    assert undescribed == []
