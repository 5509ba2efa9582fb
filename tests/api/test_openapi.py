"""The document says what the API does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.api.world import ASKER, HELLO, NOW, World, failed
from wakedock_operator.api.openapi import document
from wakedock_operator.api.server import ENDPOINTS
from wakedock_operator.core.status import Serving
from wakedock_operator.ports.journal import Event, EventKind

REFERENCE = Path(__file__).parents[2] / "docs/reference/openapi.json"


def test_the_reference_is_up_to_date():
    assert json.loads(REFERENCE.read_text()) == document(ENDPOINTS)


async def test_the_api_serves_its_document(client: TestClient[web.Request, web.Application]):
    assert await (await client.get("/api/v1/openapi.json")).json() == document(ENDPOINTS)


def test_every_field_is_documented():
    schemas = document(ENDPOINTS)["components"]["schemas"]
    undocumented = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]
    assert undocumented == []


def test_every_operation_has_a_name_of_its_own():
    operations = [operation["operationId"] for path in document(ENDPOINTS)["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations)) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if not isinstance(e.answer, str)], ids=lambda e: f"{e.method} {e.path}")
async def test_answers_are_as_documented(client: TestClient[web.Request, web.Application], world: World, endpoint: Any):
    await world.show(serving=Serving.ASLEEP, drain=failed())
    world.journal.record(Event(NOW, HELLO, EventKind.WOKE, "Request", asker=ASKER, phases={"granted": 1.0}))
    path = endpoint.path.format(namespace="default", name="hello")
    response = await client.request(endpoint.method, path, json={"for": "2h"} if endpoint.body else None)
    assert response.status == endpoint.status
    described = document(ENDPOINTS)
    schema = described["paths"][endpoint.path][endpoint.method.lower()]["responses"][str(endpoint.status)]["content"]["application/json"][
        "schema"
    ]
    jsonschema.validate(await response.json(), {**schema, "components": described["components"]})
