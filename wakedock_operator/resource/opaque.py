"""Pieces of Kubernetes that WakeDock hands on as they stand: volumes, probes, a pod template.

Their meaning is the API server's, which checks them when the workload is applied. So a newer Kubernetes needs no newer WakeDock.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, WithJsonSchema

MAX_SIZE = 65_536
MAX_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Opaque:
    """A JSON object; `text` is its canonical form. Two with the same content are equal, in whatever order it was written."""

    text: str

    @classmethod
    def of(cls, value: object) -> Self:
        """Keep a JSON object. Raises ValueError with a sentence for anything else."""
        if not isinstance(value, Mapping):
            raise ValueError("must be an object with fields, as Kubernetes defines it")  # noqa: TRY004 - pydantic takes a ValueError for a mistake
        try:
            text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"holds something that JSON cannot say ({error}); put dates and the like in quotes") from None
        if len(text) > MAX_SIZE:
            raise ValueError(f"has {len(text)} characters as JSON; at most {MAX_SIZE} are possible")
        return cls(text)

    def value(self) -> dict[str, Any]:
        """The object; each call makes a new one."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def _read(value: object) -> Opaque:
    return value if isinstance(value, Opaque) else Opaque.of(value)


def _write(value: Opaque) -> dict[str, Any]:
    return value.value()


KubernetesObject = Annotated[
    InstanceOf[Opaque],
    BeforeValidator(_read),
    PlainSerializer(_write, return_type=dict[str, Any]),
    WithJsonSchema({"type": "object", "additionalProperties": True, "maxProperties": MAX_FIELDS}),
]
"""In the CRD `x-kubernetes-preserve-unknown-fields` stands in it."""
