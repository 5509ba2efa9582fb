"""The status subresource, and the `Status` that rules and ports speak about."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wakedock_operator.core.status import (
    Condition,
    DrainReason,
    FailureReason,
    Report,
    ReportKind,
    Serving,
    Status,
    WakeReason,
)

_status: TypeAdapter[Status] = TypeAdapter(Status)
_report: TypeAdapter[Report] = TypeAdapter(Report)
_condition: TypeAdapter[Condition] = TypeAdapter(Condition)
_OWN = ("uid", "version", "gateways", "conditions")
"""Kept elsewhere in the object, or written in a way of their own."""


def read_status(document: Any, *, uid: str, version: int) -> Status | None:
    """The status in `document`; None where there is none, or one that this version of WakeDock cannot understand at all.

    What a newer version wrote beyond it is left out. A report of an unknown kind counts as `Busy`: nothing may sleep on a word that was not
    understood.
    """
    if not isinstance(document, Mapping) or document.get("serving") not in set(Serving):
        return None
    told = {_snake(name): value for name, value in document.items() if value is not None}
    told["gateways"] = [read for entry in _list(document, "gateways") if (read := _read_report(entry)) is not None]
    told["conditions"] = [held for entry in _list(document, "conditions") if (held := _read_condition(entry)) is not None]
    drain = told.get("drain")
    if isinstance(drain, Mapping) and not _known_drain(drain):
        del told["drain"]
    if told.get("woken_by") not in set(WakeReason):
        told.pop("woken_by", None)
    try:
        return _status.validate_python(_keys(told, _snake) | {"uid": uid, "version": version}, strict=False)
    except ValidationError:
        return None


def write_status(status: Status, *, generation: int) -> dict[str, Any]:
    """All of `status` but the reports, as a merge patch: what is not there is null."""
    dumped = _status.dump_python(status, mode="json")
    document = _keys({name: value for name, value in dumped.items() if name not in _OWN}, _camel)
    document["conditions"] = [
        {
            "type": each["type"],
            "status": each["status"],
            "reason": each["reason"],
            "message": each["message"],
            "lastTransitionTime": each["since"] or dumped["since"],
            "observedGeneration": generation,
        }
        for each in dumped["conditions"]
    ]
    document["observedGeneration"] = generation
    document["state"], document["reason"] = _in_a_word(status)
    found: dict[str, Any] = document
    return found


def write_report(report: Report) -> dict[str, Any]:
    """One entry of `gateways`."""
    dumped = _report.dump_python(report, mode="json", exclude_none=True)
    entry: dict[str, Any] = _keys({"name": dumped.pop("gateway")} | dumped, _camel)
    return entry


def _in_a_word(status: Status) -> tuple[str, str]:
    drain = status.drain
    if status.serving is Serving.AWAKE:
        return "Awake", str(status.woken_by or "")
    if status.serving is Serving.DRAINING:
        return "Draining", str(drain.reason if drain is not None else "")
    if drain is not None and drain.reason is DrainReason.START_FAILED and drain.cause is not None:
        return "Failed", str(drain.cause.reason)
    return "Asleep", str(drain.reason if drain is not None else "")


def _read_report(entry: Any) -> Report | None:
    if not isinstance(entry, Mapping) or not entry.get("name"):
        return None
    told = _keys({name: value for name, value in entry.items() if name != "name" and value is not None}, _snake)
    kind = told.get("kind")
    told |= {"gateway": entry["name"], "kind": kind if kind in set(ReportKind) else ReportKind.BUSY}
    try:
        return _report.validate_python(told)
    except ValidationError:
        return Report(str(entry["name"]), ReportKind.BUSY, int(entry.get("epoch") or 0), protocol=0)


def _read_condition(entry: Any) -> Condition | None:
    if not isinstance(entry, Mapping):
        return None
    try:
        return _condition.validate_python({**entry, "since": entry.get("lastTransitionTime")})
    except ValidationError:
        return None


def _known_drain(drain: Mapping[str, Any]) -> bool:
    cause = drain.get("cause")
    return drain.get("reason") in set(DrainReason) and (not isinstance(cause, Mapping) or cause.get("reason") in set(FailureReason))


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    return found if isinstance(found, list) else []


def _keys(value: Any, spell: Any) -> Any:
    if isinstance(value, Mapping):
        return {spell(name): _keys(each, spell) for name, each in value.items()}
    return [_keys(each, spell) for each in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
