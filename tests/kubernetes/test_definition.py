"""What a real API server makes of the CRD: each rule refuses with its message, where the model refuses too; defaults, names, words."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from wakedock_operator.resource import API_VERSION, WakeService
from wakedock_operator.resource.backends import Backend, refusal

pytestmark = pytest.mark.kubernetes

Object = dict[str, Any]
CRD: Object = yaml.safe_load((Path(__file__).resolve().parents[2] / "crds/wakeservices.wakedock.dev.yaml").read_text())
SCHEMA: Object = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

APP: Object = {"hosts": ["shop.test"], "port": 8080, "app": {"image": "web:1"}}
TARGET: Object = {"hosts": ["shop.test"], "port": 8080, "targetRef": {"name": "shop"}}

DURATION = "must be a duration"
BRACES = "holds a brace or a control character"
OBJECT = "must be the name of an object"
LITERAL = "is taken literally"
RESERVED = "is reserved: WakeDock serves"
ONE_HOST = "must be a host such as"

BROKEN: list[tuple[str, Object, Object, str]] = [
    # where the rule stands, what it is tried on, what is changed below `spec` (or as a whole), its message
    (".", APP, {"metadata": {"name": "shop-wakedock"}}, "metadata.name must be a DNS label"),
    (".", APP, {"metadata": {"name": "1shop"}}, "metadata.name must be a DNS label"),
    (".", APP, {"dependsOn": [{"name": "shop"}]}, "a service cannot depend on itself"),
    (".", APP, {"service": {"name": "shop-wakedock"}}, "is the Service with its stable address"),
    (".spec", APP, {"targetRef": {"name": "shop"}}, "there must be exactly one of app"),
    (".spec", {"hosts": ["shop.test"], "port": 8080}, {}, "there must be exactly one of app"),
    (".spec", APP, {"port": None}, "this field is needed on Kubernetes where there are hosts"),
    (".spec", TARGET, {"service": {}}, "needs a name with targetRef"),
    (".spec.hosts[]", APP, {"hosts": ["http://shop.test"]}, ONE_HOST),
    (".spec.hosts[]", APP, {"hosts": ["{env.HOME}"]}, BRACES),
    (".spec.paths[]", APP, {"paths": ["/.WakeDock/page"]}, RESERVED),
    (".spec.paths[]", APP, {"paths": ["/a*"]}, LITERAL),
    (".spec.paths[]", APP, {"paths": ["/{file./etc/hostname}"]}, BRACES),
    (".spec.app", APP, {"app": {"command": ["serve"]}}, "the container image, such as"),
    (".spec.app", APP, {"app": {"image": "web:1", "user": "www"}}, "the users of a container are numbers"),
    (".spec.app", APP, {"app": {"image": "web:1", "stopSignal": "SIGINT"}}, "Kubernetes sends the signal that the image names"),
    (
        ".spec.app.env[]",
        APP,
        {"app": {"image": "web:1", "env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}},
        "there can be either value or valueFrom",
    ),
    (".spec.app.env[].name", APP, {"app": {"image": "web:1", "env": [{"name": "1A", "value": "x"}]}}, "must be the name of a variable"),
    (".spec.app.envFrom[]", APP, {"app": {"image": "web:1", "envFrom": [{}]}}, "needs exactly one of configMapRef and secretRef"),
    (".spec.app.envFrom[]", APP, {"app": {"image": "web:1", "envFrom": [{"file": "x.env"}]}}, "a pod sees no files of yours"),
    (".spec.app.envFrom[].configMapRef.name", APP, {"app": {"image": "web:1", "envFrom": [{"configMapRef": {"name": "A"}}]}}, OBJECT),
    (".spec.app.envFrom[].secretRef.name", APP, {"app": {"image": "web:1", "envFrom": [{"secretRef": {"name": "A"}}]}}, OBJECT),
    (".spec.app.serviceAccountName", APP, {"app": {"image": "web:1", "serviceAccountName": "A"}}, OBJECT),
    (".spec.app.imagePullSecrets[].name", APP, {"app": {"image": "web:1", "imagePullSecrets": [{"name": "A"}]}}, OBJECT),
    (".spec.targetRef.apiVersion", TARGET, {"targetRef": {"name": "shop", "apiVersion": "apps"}}, "must be an API version"),
    (".spec.targetRef.kind", TARGET, {"targetRef": {"name": "shop", "kind": "deployments"}}, "must be a kind"),
    (".spec.targetRef.name", TARGET, {"targetRef": {"name": "Shop"}}, OBJECT),
    (".spec.idleTimeout", APP, {"idleTimeout": "5 minutes"}, DURATION),
    (".spec.service.name", APP, {"service": {"name": "1shop"}}, "the first a letter"),
    (".spec.service.from[]", APP, {"service": {"from": ["10.0.0.0/{x}"]}}, BRACES),
    (".spec.wake.timeout", APP, {"wake": {"timeout": "1.5h"}}, DURATION),
    (".spec.wake.readiness", APP, {"wake": {"readiness": {"http": {}, "tcp": {}}}}, "needs exactly one of http and tcp"),
    (".spec.wake.readiness", APP, {"wake": {"readiness": {"command": {"command": ["x"]}}}}, "the gateway runs nothing inside a pod"),
    (".spec.wake.readiness.http.path", APP, {"wake": {"readiness": {"http": {"path": "ready"}}}}, "must start with '/'"),
    *(
        (f".spec.wake.readiness.{how}.{field}", APP, {"wake": {"readiness": {how: more | {field: "soon"}}}}, DURATION)
        for how, more in (("http", {}), ("tcp", {}), ("command", {"command": ["x"]}))
        for field in ("interval", "timeout")
    ),
    (".spec.sleep", APP, {"sleep": {"mode": "Pause"}}, "Kubernetes can only scale to zero"),
    (".spec.sleep", APP, {"sleep": {"onExit": "Sleep"}}, "apps stay as they are when WakeDock ends"),
    *((f".spec.sleep.{field}", APP, {"sleep": {field: "-1s"}}, DURATION) for field in ("minAwake", "gracePeriod", "maxConnectionAge")),
    (".spec.sleep.veto.http.path", APP, {"sleep": {"veto": {"http": {"path": "busy"}}}}, "must start with '/'"),
    (".spec.sleep.veto.http.timeout", APP, {"sleep": {"veto": {"http": {"path": "/busy", "timeout": "now"}}}}, DURATION),
    (".spec.schedule[].from", APP, {"schedule": [{"from": "24:00", "to": "09:00", "state": "Awake"}]}, "must be a time of day"),
    (".spec.schedule[].to", APP, {"schedule": [{"from": "08:00", "to": "9:00", "state": "Awake"}]}, "or '24:00'"),
    (".spec.ignore.userAgents[]", APP, {"ignore": {"userAgents": ["{env.HOME}"]}}, BRACES),
    (".spec.ignore.paths[]", APP, {"ignore": {"paths": ["/.wakedock/"]}}, RESERVED),
    (".spec.ignore.paths[]", APP, {"ignore": {"paths": ["health"]}}, LITERAL),
    (".spec.ignore.paths[]", APP, {"ignore": {"paths": ["/{x}"]}}, BRACES),
    (".spec.ignore.methods[]", APP, {"ignore": {"methods": ["{x}"]}}, BRACES),
    (".spec.ignore.cidrs[]", APP, {"ignore": {"cidrs": ["{x}"]}}, BRACES),
    (".spec.ignore.answer.body", APP, {"ignore": {"answer": {"body": "{env.HOME}"}}}, BRACES),
    (".spec.dependsOn[].name", APP, {"dependsOn": [{"name": "-db"}]}, "must be a name"),
    (".spec.waitingPage.refresh", APP, {"waitingPage": {"refresh": "often"}}, DURATION),
]
LATER = ".spec", "targetRef cannot be changed"
"""The rule that needs an object to be there."""


def wakeservice(spec: Object, changed: Object | None = None) -> Object:
    changed = dict(changed or {})
    metadata = {"name": "shop"} | changed.pop("metadata", {})
    fields = {name: value for name, value in (spec | changed).items() if value is not None}
    return {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": metadata, "spec": copy.deepcopy(fields)}


def rules(schema: Object, place: str = "") -> Iterator[tuple[str, str]]:
    """Where each rule of the CRD stands, and its message."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield place or ".", " ".join(rule["message"].split())
    for name, below in schema.get("properties", {}).items():
        yield from rules(below, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from rules(schema["items"], f"{place}[]")


def create(kubectl: Kubectl, made: Object) -> str:
    return kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(made))


@pytest.mark.parametrize("place, spec, changed, message", BROKEN, ids=[f"{place} {message[:40]}" for place, _, _, message in BROKEN])
def test_each_rule_refuses_with_its_message_and_so_does_the_model(
    kubectl: Kubectl, place: str, spec: Object, changed: Object, message: str
):
    made = wakeservice(spec, changed)
    with pytest.raises(ClusterError) as refused:
        create(kubectl, made)
    assert message in " ".join(str(refused.value).split())
    try:
        service = WakeService.from_stored(made)
    except ValidationError:
        return
    assert refusal(service, Backend.KUBERNETES) is not None


def test_every_rule_is_tried():
    tried = [(place, message) for place, _, _, message in BROKEN] + [LATER]
    assert [rule for rule in rules(SCHEMA) if not any(rule[0] == place and message in rule[1] for place, message in tried)] == []


@pytest.mark.parametrize("spec", [APP, TARGET], ids=["app", "targetRef"])
def test_the_api_server_fills_in_the_defaults_of_the_model(kubectl: Kubectl, spec: Object):
    kubectl.apply(wakeservice(spec))
    stored = kubectl.get("wks", "shop")
    assert WakeService.from_stored(stored).spec == WakeService.from_stored(wakeservice(spec)).spec
    assert (stored["spec"]["idleTimeout"], stored["spec"]["wake"]["timeout"]) == ("5m", "1m")


@pytest.mark.parametrize(
    "before, after",
    [(TARGET, TARGET | {"targetRef": {"name": "other"}}), (TARGET, APP), (APP, TARGET)],
    ids=["changed", "taken out", "added"],
)
def test_a_target_stays_what_it_is(kubectl: Kubectl, before: Object, after: Object):
    kubectl.apply(wakeservice(before))
    with pytest.raises(ClusterError, match=LATER[1]):
        kubectl("replace", "--filename=-", stdin=json.dumps(wakeservice(after)))


def test_a_field_that_does_not_exist_is_named(kubectl: Kubectl):
    with pytest.raises(ClusterError, match=r'unknown field "(spec\.)?idleTimeuot"'):
        kubectl.apply(wakeservice(APP, {"idleTimeuot": "5m"}))


def test_it_is_listed_by_its_short_name_and_its_category_with_what_matters(kubectl: Kubectl):
    kubectl.apply(wakeservice(APP))
    header, line = kubectl("get", "wks").splitlines()
    columns = [column for column in CRD["spec"]["versions"][0]["additionalPrinterColumns"] if not column.get("priority")]
    assert header.split() == ["NAME", *(column["name"].upper() for column in columns)]
    assert line.split()[0] == "shop"
    assert kubectl("get", "wakedock", "--output=name") == "wakeservice.wakedock.dev/shop\n"


def test_explain_reads_like_documentation(kubectl: Kubectl):
    said = kubectl("explain", "wks.spec.wake")
    assert "<no description>" not in said
    assert "timeout" in said


def undescribed(schema: Object, place: str) -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        if not below.get("description"):
            yield f"{place}.{name}"
        yield from undescribed(below, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from undescribed(schema["items"], f"{place}[]")


def test_every_field_has_a_description():
    spec = SCHEMA["properties"]["spec"]
    assert [*undescribed(spec, "spec"), *undescribed(SCHEMA["properties"]["status"], "status")] == []
