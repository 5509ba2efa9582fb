"""`spec.dependsOn`: services that must be up for this one."""

from enum import StrEnum
from typing import Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from wakedock_operator.resource.identity import DnsLabel
from wakedock_operator.resource.section import Section


class DependencyWait(StrEnum):
    """What a dependant waits for."""

    READY = "Ready"
    STARTED = "Started"


class Dependency(Section):
    """Another WakeService in the same namespace. The name alone is enough: `dependsOn: [db]`."""

    name: DnsLabel = Field(description="The name of the other WakeService.")
    wait: DependencyWait = Field(
        default=DependencyWait.READY,
        description="`Ready`: this app is started when the dependency answers its readiness probe. `Started`: both are started together.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [{"type": "string", "description": "The name of the other WakeService."}, schema]}
