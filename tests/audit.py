"""What the audit log of an API server says about writes of replica counts. `hack/cluster/audit-policy.yaml` decides what is in it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWrite:
    """An answered write to `/scale`. `replicas` is the count afterwards, None where the write was refused."""

    name: str
    user: str
    manager: str
    status: int
    replicas: int | None
    dry_run: bool

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Self:
        """The write that a line of the log tells of."""
        status = entry["responseStatus"]["code"]
        query = entry["requestURI"].partition("?")[2].split("&")
        return cls(
            name=entry["objectRef"]["name"],
            user=entry["user"]["username"],
            manager=next((each.removeprefix("fieldManager=") for each in query if each.startswith("fieldManager=")), ""),
            status=status,
            replicas=entry["responseObject"]["spec"].get("replicas", 0) if status < 300 else None,
            dry_run=any(each.startswith("dryRun=") for each in query),
        )


def scale_writes(lines: Iterable[str], *, namespace: str) -> list[ScaleWrite]:
    """The writes to `/scale` in a namespace, in the order of their answers."""
    entries = [json.loads(line) for line in lines if '"subresource":"scale"' in line]
    ours = [
        entry
        for entry in entries
        if entry["objectRef"].get("namespace") == namespace and entry["objectRef"].get("subresource") == "scale" and entry["verb"] != "get"
    ]
    return [ScaleWrite.of(entry) for entry in sorted(ours, key=lambda entry: entry["stageTimestamp"])]


def changes(writes: Iterable[ScaleWrite], *, name: str, before: int) -> list[ScaleWrite]:
    """Those that changed the count of `name`, which was `before`. A fence, which writes the same count, is none of them."""
    changed = []
    for write in writes:
        if write.name == name and not write.dry_run and write.replicas is not None and write.replicas != before:
            changed.append(write)
            before = write.replicas
    return changed
