"""`spec.app.env` and `spec.app.envFrom`: the environment of an app."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from wakedock_operator.resource.identity import ObjectName
from wakedock_operator.resource.literals import Argument, refuse_control
from wakedock_operator.resource.opaque import KubernetesObject
from wakedock_operator.resource.section import Section, mistake_at

_variable = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _variable_name(text: str) -> str:
    if not _variable.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a variable: use letters, digits, '_', '-' and '.', and no digit in front")
    return text


def _file_name(text: str) -> str:
    if not text:
        raise ValueError("must name a file or folder; leave the field out if there is none")
    return refuse_control(text)


FileName = Annotated[StrictStr, Field(max_length=4096), AfterValidator(_file_name)]


class EnvVar(Section):
    """One environment variable."""

    name: Annotated[
        StrictStr, Field(max_length=256, json_schema_extra={"pattern": f"^{_variable.pattern}$"}), AfterValidator(_variable_name)
    ] = Field(description="The name of the variable.")
    value: Argument = Field(
        default="",
        description="Its value, always text (put numbers in quotes). `$(PORT)` and `$(PORT:db)` stand for ports as in `command`.",
    )
    value_from: KubernetesObject | None = Field(
        default=None,
        description="Where Kubernetes takes the value from: an object with `secretKeyRef`, `configMapKeyRef`, `fieldRef` or "
        "`resourceFieldRef`, as in a pod.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.value and self.value_from is not None:
            raise mistake_at("valueFrom", message="there can be either 'value' or 'valueFrom', not both; take one out")
        return self


class EnvSource(Section):
    """A ConfigMap or Secret in the namespace of the WakeService."""

    name: ObjectName = Field(description="Its name.")
    optional: StrictBool = Field(default=False, description="Whether the app may start without it.")


class EnvFrom(Section):
    """Many environment variables at once: exactly one of the sources."""

    file: FileName | None = Field(
        default=None,
        description="A file with one `NAME=value` per line; empty lines and lines that start with `#` are skipped. "
        "A relative path starts at the folder of the file that holds this WakeService.",
    )
    config_map_ref: EnvSource | None = Field(default=None, description="A ConfigMap, each key of which becomes a variable.")
    secret_ref: EnvSource | None = Field(default=None, description="A Secret, each key of which becomes a variable.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("file", "config_map_ref", "secret_ref") if getattr(self, name) is not None]
        if len(given) != 1:
            raise mistake_at(message=f"needs exactly one of file, configMapRef and secretRef, and has {len(given) or 'none'}")
        return self
