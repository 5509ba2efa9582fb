"""The JSON schema of a WakeService, for editors and for `wakedock schema`."""

import json
from typing import Any

from wakedock_operator.resource.wakeservice import WakeService


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a document. What only code can check (time zones, dependencies) is not in it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **WakeService.model_json_schema(by_alias=True, mode="validation"),
    }


def schema_text() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
