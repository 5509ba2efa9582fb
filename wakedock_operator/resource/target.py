"""`spec.targetRef`: a workload that exists already."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from wakedock_operator.resource.identity import ObjectName
from wakedock_operator.resource.section import Section

_group_version = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
_kind = re.compile(r"[A-Z][A-Za-z0-9]*")


def _api_version(text: str) -> str:
    if not _group_version.fullmatch(text):
        raise ValueError(f"{text!r} is not an API version: write it as 'apps/v1' or 'v1'")
    return text


def _kind_name(text: str) -> str:
    if not _kind.fullmatch(text):
        raise ValueError(f"{text!r} is not a kind: write it as 'Deployment' or 'StatefulSet'")
    return text


class TargetRef(Section):
    """A workload in the namespace of the WakeService that somebody else created."""

    api_version: Annotated[
        StrictStr, Field(max_length=317, json_schema_extra={"pattern": f"^{_group_version.pattern}$"}), AfterValidator(_api_version)
    ] = Field(default="apps/v1", description="The API group and version of the workload.")
    kind: Annotated[StrictStr, Field(max_length=63, json_schema_extra={"pattern": f"^{_kind.pattern}$"}), AfterValidator(_kind_name)] = (
        Field(
            default="Deployment",
            description="The kind of the workload: `Deployment`, `StatefulSet`, or any other with a `/scale` subresource.",
        )
    )
    name: ObjectName = Field(description="The name of the workload.")
