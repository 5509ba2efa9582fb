"""The committed schema and reference page are what the model says."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from tests.resource.documents import document, service
from tests.resource.test_wakeservice import EVERYTHING
from wakedock_operator.resource import WakeService, reference, schema

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def test_the_reference_page_is_up_to_date():
    assert (FOLDER / reference.REFERENCE).read_text(encoding="utf-8") == reference.reference()


def test_the_schema_is_up_to_date():
    assert (FOLDER / reference.SCHEMA).read_text(encoding="utf-8") == schema.schema_text()


def test_both_are_written_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["reference", str(tmp_path)])
    reference.main()
    assert {path.name for path in tmp_path.iterdir()} == {reference.REFERENCE, reference.SCHEMA}


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
        below = reference._model(field.annotation)
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
