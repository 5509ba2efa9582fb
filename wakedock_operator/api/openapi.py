"""The OpenAPI 3.1 document, made from the table of endpoints and the models."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from wakedock_operator import __version__
from wakedock_operator.api.endpoints import Endpoint
from wakedock_operator.api.problems import CONTENT_TYPE, INTERNAL, ProblemType

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The kind of problem."},
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What happened, to what, and what to do."},
    },
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    answers = [e.answer for e in endpoints if not isinstance(e.answer, str)]
    bodies = [e.body for e in endpoints if e.body is not None]
    wanted = [(model, "serialization") for model in dict.fromkeys(answers)] + [(model, "validation") for model in dict.fromkeys(bodies)]
    references, definitions = models_json_schema(wanted, by_alias=True, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    by_model: dict[type[BaseModel], dict[str, Any]] = {model: schema for (model, _), schema in references.items()}  # type: ignore[misc]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_model)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WakeDock control API",
            "version": __version__,
            "description": "On `control.sock` in the runtime directory, and on `--api-listen`.",
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions["$defs"], "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "On an address with an API token."}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(endpoint: Endpoint, models: dict[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    answer = endpoint.answer
    content = {answer: {"schema": {"type": "string"}}} if isinstance(answer, str) else {"application/json": {"schema": models[answer]}}
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "responses": {str(endpoint.status): {"description": endpoint.summary, "content": content}, **_problems(endpoint.problems)},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": f"The {name} of the service."}
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]
    parameters += [{"name": p.name, "in": "query", "schema": p.schema, "description": p.description} for p in endpoint.parameters]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": models[endpoint.body]}}}
    return operation


def _problems(kinds: tuple[ProblemType, ...]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for kind in (*kinds, INTERNAL):
        by_status.setdefault(kind.status, []).append(kind.title)
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {str(status): {"description": "; ".join(titles), "content": {CONTENT_TYPE: schema}} for status, titles in by_status.items()}
