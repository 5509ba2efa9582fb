from datetime import time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.resource.documents import document, refusal, refusals, service
from wakedock_operator.resource import (
    App,
    DependencyWait,
    Key,
    Metadata,
    Mistake,
    OnCold,
    OnExit,
    Protocol,
    ScheduleState,
    SleepMode,
    Spec,
    Theme,
    WakeService,
    Weekday,
    mistakes,
)
from wakedock_operator.resource.errors import nearest

EVERYTHING: dict[str, Any] = {
    "hosts": ["app.example.org", "*.example.net"],
    "paths": ["/", "/api"],
    "app": {
        "command": ["serve", "--port=$(PORT)", "--db=$(PORT:db)"],
        "env": [{"name": "DB", "value": "127.0.0.1:$(PORT:db)"}],
        "envFrom": [{"file": "/etc/app.env"}],
        "workingDir": "/srv/app",
        "user": "www-data",
        "stopSignal": "SIGINT",
    },
    "port": 3000,
    "protocol": "h2c",
    "idleTimeout": "1h30m",
    "replicas": 2,
    "maxConnections": 16,
    "suspend": True,
    "wake": {
        "timeout": "2m",
        "onCold": "Hold",
        "maxHeld": 10,
        "readiness": {"http": {"path": "/ready?full=1", "statuses": [204, "300-399"], "interval": "50ms", "timeout": "2s"}},
        "failFast": True,
    },
    "sleep": {
        "mode": "Pause",
        "minAwake": "10m",
        "gracePeriod": "3s",
        "maxConnectionAge": "1h",
        "onExit": "Sleep",
        "veto": {"http": {"path": "/busy", "timeout": "3s"}},
    },
    "schedule": [{"days": ["Mon", "Fri"], "from": "08:30", "to": "24:00", "timeZone": "Europe/Berlin", "state": "Awake"}],
    "ignore": {
        "userAgents": ["UptimeRobot"],
        "paths": ["/healthz"],
        "methods": ["HEAD"],
        "cidrs": ["10.0.0.0/8"],
        "answer": {"status": 200, "body": "asleep"},
    },
    "dependsOn": [{"name": "db"}, {"name": "cache", "wait": "Started"}],
    "waitingPage": {"title": "One moment", "message": "Soon\nthere", "theme": "dark", "refresh": "10s"},
}


def test_the_defaults_are_those_of_the_documentation():
    spec = service().spec
    assert (spec.hosts, spec.paths, spec.port, spec.protocol) == ((), ("/",), None, Protocol.HTTP)
    assert (spec.idle_timeout, spec.replicas, spec.max_connections, spec.suspend) == (timedelta(minutes=5), 1, None, False)
    assert (spec.wake.timeout, spec.wake.on_cold, spec.wake.max_held) == (timedelta(seconds=60), OnCold.AUTO, 1000)
    assert (spec.wake.readiness, spec.wake.fail_fast) == (None, False)
    assert (spec.sleep.mode, spec.sleep.min_awake, spec.sleep.grace_period) == (SleepMode.STOP, None, timedelta(seconds=10))
    assert (spec.sleep.max_connection_age, spec.sleep.on_exit, spec.sleep.veto) == (None, OnExit.KEEP, None)
    assert (spec.schedule, spec.depends_on, spec.ignore.answer.status, spec.ignore.answer.body) == ((), (), 503, None)
    assert (spec.waiting_page.theme, spec.waiting_page.refresh) == (Theme.AUTO, timedelta(seconds=5))


def test_every_field_survives_writing_and_reading():
    first = service(**EVERYTHING)
    assert first.document()["spec"] == EVERYTHING
    assert WakeService.from_document(first.document()) == first


def test_the_object_is_what_the_document_says():
    spec = service(**EVERYTHING).spec
    (rule,) = spec.schedule
    assert (rule.from_, rule.to, rule.days, rule.state) == (time(8, 30), time(0), (Weekday.MON, Weekday.FRI), ScheduleState.AWAKE)
    assert rule.zone.key == "Europe/Berlin"
    assert [each.wait for each in spec.depends_on] == [DependencyWait.READY, DependencyWait.STARTED]
    readiness = spec.wake.readiness
    assert readiness is not None
    assert readiness.http is readiness.probe
    assert [readiness.http.accepts(status) for status in (200, 204, 299, 300, 399, 400)] == [False, True, False, True, True, False]


def test_it_can_be_built_from_python_and_is_immutable_and_hashable():
    built = WakeService(metadata=Metadata(name="web"), spec=Spec(app=App(command=("serve",))))
    assert built == service()
    assert hash(built) == hash(service())
    with pytest.raises(ValidationError):
        built.spec.replicas = 3  # type: ignore[misc]


def test_a_dependency_may_be_a_name_alone_in_the_same_namespace():
    found = WakeService.from_document(document(dependsOn=["db"]) | {"metadata": {"name": "web", "namespace": "shop"}})
    assert found.dependencies == (Key("shop", "db"),)


def test_the_default_readiness_status_is_anything_below_500():
    readiness = service(wake={"readiness": {"http": {}}}).spec.wake.readiness
    assert readiness is not None
    assert readiness.http is not None
    assert [readiness.http.accepts(status) for status in (200, 302, 404, 499, 500, 503)] == [True, True, True, True, False, False]


COMMAND = ["serve"]


@pytest.mark.parametrize(
    "spec, field, message",
    [
        ({"app": {"command": []}}, "spec.app.command", "at least one entry"),
        ({"app": {"command": [""]}}, "spec.app.command", "must not be empty"),
        ({"app": {"command": "serve"}}, "spec.app.command", "must be a list, not 'serve'"),
        ({"app": {"command": ["a\0"]}}, "spec.app.command[0]", "NUL"),
        ({"app": {"command": COMMAND, "env": [{"name": "1A"}]}}, "spec.app.env[0].name", "not the name of a variable"),
        ({"app": {"command": COMMAND, "env": [{"name": "A", "value": 8080}]}}, "spec.app.env[0].value", "put it in quotes"),
        ({"app": {"command": COMMAND, "stopSignal": "SIGNOPE"}}, "spec.app.stopSignal", "not a signal"),
        ({"app": {"command": COMMAND, "stopSignal": "SIGSTOP"}}, "spec.app.stopSignal", "does not end"),
        ({"app": {"command": COMMAND, "user": "a b"}}, "spec.app.user", "name or number"),
        ({"app": {"command": ["$(PORT:db)"]}}, "spec.app.command[0]", "not in dependsOn"),
        ({"app": {"command": COMMAND, "env": [{"name": "A", "value": "x$(PORT:db)"}]}}, "spec.app.env[0].value", "not in dependsOn"),
        ({"app": {"command": COMMAND}, "targetRef": {"name": "x"}}, "spec.targetRef", "not both"),
        ({"app": None}, "spec", "needs either"),
        ({"targetRef": {"kind": "deployment", "name": "x"}}, "spec.targetRef.kind", "not a kind"),
        ({"targetRef": {"apiVersion": "apps", "name": "x"}}, "spec.targetRef.apiVersion", "not an API version"),
        ({"targetRef": {"name": "X"}}, "spec.targetRef.name", "not the name"),
        ({"port": 0}, "spec.port", "at least 1, not 0"),
        ({"port": 65536}, "spec.port", "at most 65535"),
        ({"port": "80"}, "spec.port", "must be a whole number, not '80'"),
        ({"replicas": True}, "spec.replicas", "must be a whole number, not true"),
        ({"replicas": 0}, "spec.replicas", "at least 1"),
        ({"suspend": "yes"}, "spec.suspend", "true or false"),
        ({"protocol": "grpc"}, "spec.protocol", "'http', 'h2c' or 'https'"),
        ({"idleTimeout": "0s"}, "spec.idleTimeout", "longer than 0s"),
        ({"idleTimeout": 300}, "spec.idleTimeout", "with its unit"),
        ({"hosts": ["A.org", "a.org"]}, "spec.hosts", "twice"),
        ({"hosts": [f"h{n}.org" for n in range(65)]}, "spec.hosts", "at most 64 entries"),
        ({"paths": []}, "spec.paths", "at least one entry"),
        ({"paths": ["/a", "/a/"]}, "spec.paths", "twice"),
        ({"wake": {"readiness": {}}}, "spec.wake.readiness", "has none"),
        ({"wake": {"readiness": {"http": {}, "tcp": {}}}}, "spec.wake.readiness", "has http and tcp"),
        ({"wake": {"readiness": {"http": {"path": "ready"}}}}, "spec.wake.readiness.http.path", "start with '/'"),
        ({"wake": {"readiness": {"http": {"path": "/a b"}}}}, "spec.wake.readiness.http.path", "%20"),
        ({"wake": {"readiness": {"http": {"statuses": ["399-200"]}}}}, "spec.wake.readiness.http.statuses[0]", "empty range"),
        ({"wake": {"readiness": {"http": {"statuses": [True]}}}}, "spec.wake.readiness.http.statuses[0]", "not an HTTP status"),
        ({"wake": {"readiness": {"command": {"command": ["$(PORT:x)"]}}}}, "spec.wake.readiness.command.command[0]", "not in dependsOn"),
        ({"wake": {"maxHeld": 0}}, "spec.wake.maxHeld", "at least 1"),
        ({"sleep": {"veto": {}}}, "spec.sleep.veto.http", "is needed"),
        ({"sleep": {"maxConnectionAge": "0s"}}, "spec.sleep.maxConnectionAge", "longer"),
        ({"schedule": [{"from": 1320, "to": "24:00", "state": "Awake"}]}, "spec.schedule[0].from", "in quotes"),
        ({"schedule": [{"from": "24:00", "to": "08:00", "state": "Awake"}]}, "spec.schedule[0].from", "not a time of day"),
        ({"schedule": [{"from": "8:00", "to": "09:00", "state": "Awake"}]}, "spec.schedule[0].from", "not a time of day"),
        ({"schedule": [{"from": "08:00", "to": "09:00"}]}, "spec.schedule[0].state", "is needed"),
        (
            {"schedule": [{"from": "08:00", "to": "09:00", "state": "Awake", "timeZone": "Berlin"}]},
            "spec.schedule[0].timeZone",
            "not a time zone",
        ),
        ({"schedule": [{"from": "08:00", "to": "09:00", "state": "Awake", "days": []}]}, "spec.schedule[0].days", "at least one"),
        ({"ignore": {"cidrs": ["10.0.0.1/8"]}}, "spec.ignore.cidrs[0]", "'10.0.0.0/8' for the network"),
        ({"ignore": {"cidrs": ["office"]}}, "spec.ignore.cidrs[0]", "not a network"),
        ({"ignore": {"cidrs": ["fe80::1%eth0"]}}, "spec.ignore.cidrs[0]", "zone"),
        ({"ignore": {"methods": ["G T"]}}, "spec.ignore.methods[0]", "not an HTTP method"),
        ({"ignore": {"userAgents": [""]}}, "spec.ignore.userAgents[0]", "must not be empty"),
        ({"ignore": {"answer": {"status": 100}}}, "spec.ignore.answer.status", "at least 200"),
        ({"dependsOn": ["db", {"name": "db"}]}, "spec.dependsOn[1]", "twice"),
        ({"dependsOn": ["web"]}, "spec.dependsOn[0]", "itself"),
        ({"dependsOn": ["other/db"]}, "spec.dependsOn[0].name", "not a name"),
        ({"dependsOn": "db"}, "spec.dependsOn", "must be a list"),
        ({"waitingPage": {"title": "a\nb"}}, "spec.waitingPage.title", "control character"),
        ({"wake": []}, "spec.wake", "object with fields, not a list"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(spec: dict[str, Any], field: str, message: str):
    mistake = refusal(**spec)
    assert mistake.field == field
    assert message in mistake.message


@pytest.mark.parametrize(
    "spec, field, suggestion",
    [
        ({"idletimeout": "5m"}, "spec.idletimeout", "idleTimeout"),
        ({"idle_timeout": "5m"}, "spec.idle_timeout", "idleTimeout"),
        ({"wake": {"time-out": "5m"}}, "spec.wake.time-out", "timeout"),
        ({"schedule": [{"from": "08:00", "to": "09:00", "state": "Awake", "timezone": "UTC"}]}, "spec.schedule[0].timezone", "timeZone"),
        ({"wake": {"readiness": {"http": {"status": [200]}}}}, "spec.wake.readiness.http.status", "statuses"),
        ({"zzz": 1}, "spec.zzz", None),
        ({"protocol": "HTTP"}, "spec.protocol", "http"),
        ({"sleep": {"mode": "pause"}}, "spec.sleep.mode", "Pause"),
    ],
)
def test_the_nearest_word_is_suggested(spec: dict[str, Any], field: str, suggestion: str | None):
    mistake = refusal(**spec)
    assert (mistake.field, mistake.suggestion) == (field, suggestion)


def test_all_mistakes_are_told_at_once():
    assert [each.field for each in refusals(port=0, replicas=0, hosts=["a:1"])] == ["spec.hosts[0]", "spec.port", "spec.replicas"]


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_a_document_that_is_no_object_is_refused(value: Any):
    with pytest.raises(ValidationError) as caught:
        WakeService.from_document(value)
    (mistake,) = mistakes(caught.value)
    assert "must be an object with fields" in mistake.message


def test_a_mistake_reads_like_a_compiler_s():
    mistake = Mistake("spec.wak", "this field does not exist", "wake", 3, 5, "a.yaml")
    assert str(mistake) == "a.yaml:3:5: spec.wak: this field does not exist (did you mean 'wake'?)"


def test_nothing_is_suggested_where_nothing_is_near():
    assert nearest("x", ["timeout", "interval"]) is None
