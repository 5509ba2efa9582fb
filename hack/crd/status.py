"""The status of a WakeService, as core.status.Status holds it, with a few fields more for people."""

from enum import StrEnum
from typing import Any

from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.status import DrainReason, FailureReason, ReportKind, Serving, WakeReason

Schema = dict[str, Any]

MAX_MESSAGE = 32_768


def status() -> Schema:
    """The schema. Words are not closed sets here, so that a newer WakeDock can say something new under an older CRD."""
    return _object(
        "What WakeDock knows about the app. Written by WakeDock alone; gateways and controller agree through it.",
        observedGeneration=_number("The generation of the definition that this status was last made from."),
        state=_text("What the app does, in one word, such as `Asleep`, `Waking` or `Awake`. For people.", 64),
        reason=_text("Why it is so, in one word. For people; the conditions say more.", 128),
        serving=_word("Where requests go: to the app, to the hold while it is drained, or to the hold because it sleeps.", Serving),
        epoch=_number("Grows with each change of `serving`; what a gateway says about an older one is void."),
        since=_time("When `serving` last changed."),
        drain=_object(
            "The last way to sleep, kept while the app sleeps. While it is awake: the one that is due once what depends on it sleeps.",
            reason=_word("Why the app was put to sleep.", DrainReason),
            forced=_flag("Whether it did not wait for the app to be idle."),
            cause=_object(
                "What went wrong, where a start failed.",
                id=_text("Which attempt failed.", 512),
                reason=_word("The class of the failure, which strangers may see.", FailureReason),
                message=_text("What happened and what to do.", MAX_MESSAGE),
                healable=_flag("Whether the cluster may still mend it by itself."),
            ),
            backoff={
                "description": "How long each gateway answers requests with the cause, in seconds since it saw this epoch.",
                "type": "number",
                "format": "double",
            },
            rewake=_flag("Whether it is woken again as soon as it sleeps."),
        ),
        wokenBy=_word("Why the app was last woken.", WakeReason),
        asker=_asker("Who caused the last wake."),
        failures=_number("Failed starts in a row."),
        failed=_text("The last failed attempt that was counted.", 512),
        generation=_number("The generation of the workload when it was put to sleep: it is stopped only while that is unchanged."),
        undone=_number("Sleeps in a row that `undoneBy` undid by scaling up."),
        undoneBy=_text("The field manager that scaled the workload up again.", 512),
        handled=_object(
            "Annotations and times of the schedule that were acted on; each acts once.",
            wake=_text("The last value of `wakedock.dev/wake`.", 1024),
            sleep=_text("The last value of `wakedock.dev/sleep`.", 1024),
            schedule=_time("The last beginning of a stretch of the schedule."),
        ),
        stop=_object(
            "Instances that are about to be stopped.",
            instances={"description": "Their names.", "type": "array", "maxItems": 10_000, "items": {"type": "string", "maxLength": 512}},
        ),
        servicePort=_number("The port of the gateways behind the Service of `spec.service`."),
        replicas=_number("How many instances are started at a wake of a `targetRef`."),
        conditions=_conditions(),
        gateways=_gateways(),
    )


def _conditions() -> Schema:
    return {
        "description": "What holds for the app now: " + ", ".join(f"`{each.value}`" for each in ConditionType) + ".",
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": _object(
            "One condition.",
            ["type", "status"],
            type=_text("What it is about.", 316),
            status={"description": "Whether it holds.", "type": "string", "enum": ["True", "False", "Unknown"]},
            reason=_text("Why, in one word of the reference.", 1024),
            message=_text("Why, in a sentence.", MAX_MESSAGE),
            lastTransitionTime=_time("When `status` last changed."),
            observedGeneration=_number("The generation of the definition that it speaks about."),
        ),
    }


def _gateways() -> Schema:
    return {
        "description": "What each gateway says; each writes its own entry.",
        "type": "array",
        "maxItems": 1024,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": _object(
            "One gateway.",
            ["name", "kind", "epoch"],
            name=_text("The name of its pod.", 253),
            kind=_word("What it says about `epoch`.", ReportKind),
            epoch=_number("The epoch that it speaks about."),
            holding=_flag("Whether requests wait there right now."),
            overdue=_flag("Whether requests have waited there for too long for the sleep of something that the app depends on."),
            protocol=_number("The version of the rules that it follows; under another one than the operator's the app does not sleep."),
            asker=_asker("Whose request it holds."),
        ),
    }


def _asker(description: str) -> Schema:
    return _object(
        description,
        at=_time("When the request came."),
        method=_text("Its method.", 64),
        host=_text("Its host.", 1024),
        path=_text("Its path, without a query.", 8192),
        userAgent=_text("Its user agent.", 8192),
        client=_text("The client's address.", 256),
    )


def _object(description: str, required: list[str] | None = None, /, **properties: Schema) -> Schema:
    return {"description": description, "type": "object"} | ({"required": required} if required else {}) | {"properties": properties}


def _text(description: str, longest: int) -> Schema:
    return {"description": description, "type": "string", "maxLength": longest}


def _word(description: str, words: type[StrEnum]) -> Schema:
    return _text(f"{description} {', '.join(f'`{word.value}`' for word in words)}.", 64)


def _number(description: str) -> Schema:
    return {"description": description, "type": "integer", "format": "int64"}


def _flag(description: str) -> Schema:
    return {"description": description, "type": "boolean"}


def _time(description: str) -> Schema:
    return {"description": description, "type": "string", "format": "date-time"}
