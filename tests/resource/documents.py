"""Documents to start from."""

from typing import Any

import pytest
from pydantic import ValidationError

from wakedock_operator.resource import Mistake, WakeService, mistakes


def document(**spec: Any) -> dict[str, Any]:
    workload = {} if "app" in spec or "targetRef" in spec else {"app": {"command": ["serve"]}}
    return {"apiVersion": "wakedock.dev/v1alpha1", "kind": "WakeService", "metadata": {"name": "web"}, "spec": workload | spec}


def service(**spec: Any) -> WakeService:
    return WakeService.from_document(document(**spec))


def refusals(**spec: Any) -> list[Mistake]:
    with pytest.raises(ValidationError) as caught:
        service(**spec)
    return mistakes(caught.value)


def refusal(**spec: Any) -> Mistake:
    (mistake,) = refusals(**spec)
    return mistake
