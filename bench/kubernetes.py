"""`python -m bench.kubernetes`: measure WakeDock on the cluster that KUBECONFIG names, with the chart and images of this tree.

`make bench-kubernetes` brings a cluster and the images; docs of the rows: bench/README.md.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from hack.cluster.kubectl import Kubectl
from tests.cluster.api import Object, api, watch
from tests.cluster.asking import ask
from tests.cluster.installation import NAMESPACE, Installation, Seen, app, host
from tests.cluster.workloads import PORT, workload

from .machine import describe
from .report import show, write
from .rows import Row, ms

RESULTS = Path(__file__).with_name("results") / "kubernetes"
WIDTH = 180
ACCOUNTS = f"system:serviceaccount:{NAMESPACE}:"
WRITES = frozenset({"create", "update", "patch", "delete"})
COLD, CYCLES, CROWD, MANY = 15, 10, 100, 1000
METRICS_PORT = 9090


@contextmanager
def namespace(kubeconfig: Path) -> Iterator[Kubectl]:
    """A fresh namespace, which is gone in the end."""
    admin, name = Kubectl(kubeconfig), f"bench-{uuid4().hex[:8]}"
    admin("create", "namespace", name)
    try:
        yield Kubectl(kubeconfig, name)
    finally:
        admin("delete", "namespace", name, "--timeout=300s")


def cold(installation: Installation, kubectl: Kubectl, rounds: int) -> list[Row]:
    """A cold request, beside a pod of the same app that is scaled up by hand and asked directly, in turns."""
    kubectl.apply(app(kubectl.namespace, "cold", idleTimeout="1h"), workload("byhand"))
    seen, address = Seen(kubectl, "cold"), installation.address
    epoch = seen.ready()["epoch"]
    through, direct = [], []
    before = phases(installation)
    for number in range(rounds):
        began = time.perf_counter()
        assert ask(address, seen.host)[0] == 200
        through.append(time.perf_counter() - began)
        epoch = seen.until("Awake", after=epoch)["epoch"]
        kubectl("annotate", "--overwrite", "wakeservice/cold", f"wakedock.dev/sleep={number}")
        epoch = seen.until("Asleep", after=epoch)["epoch"]
        kubectl("wait", "--for=delete", "pod", "--selector=wakedock.dev/service=cold", "--timeout=60s")
        direct.append(by_hand(kubectl))
    extra = [a - b for a, b in zip(through, direct, strict=True)]
    each = {phase: (seconds - before.get(phase, 0.0)) / rounds for phase, seconds in phases(installation).items()}
    granted = each["answering"] + each["granted"]
    return [
        Row(
            "cold request, over the start of the same pod by hand",
            f"{ms(statistics.median(extra))} more",
            f"{ms(statistics.median(through))} through the gateway, {ms(statistics.median(direct))} by hand (p50 of {rounds})",
            "100 ms",
            statistics.median(extra) <= 0.1,
            {"through_s": through, "by_hand_s": direct},
        ),
        Row(
            "scale patch to grant, as the gateways time it",
            ms(granted),
            f"{ms(each['started'])} before it, {ms(each['granted'])} of it after the pod's first answer (means of {rounds})",
            samples={"mean_s": each},
        ),
    ]


def phases(installation: Installation) -> Mapping[str, float]:
    """Seconds that all wakes of all gateways have spent in each phase, up to now."""
    spent: defaultdict[str, float] = defaultdict(float)
    for name in installation.gateways():
        text = api(installation.kubeconfig).get(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{METRICS_PORT}/proxy/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "wakedock_wake_duration_seconds_sum":
                    spent[sample.labels["phase"]] += sample.value
    return spent


def by_hand(kubectl: Kubectl) -> float:
    """Seconds from scaling up until the pod answers, asked every 10 ms at its own address; scaled down again."""
    scale = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/byhand/scale"
    merge = {"Content-Type": "application/merge-patch+json"}
    began = time.perf_counter()
    api(kubectl.kubeconfig).patch(scale, json={"spec": {"replicas": 1}}, headers=merge)
    address = next(
        filter(None, map(address_by_hand, watch(kubectl.kubeconfig, f"/api/v1/namespaces/{kubectl.namespace}/pods", timeout=60)))
    )
    while True:
        try:
            urllib.request.urlopen(f"http://{address}:{PORT}/", timeout=1).read()
            break
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    took = time.perf_counter() - began
    kubectl("scale", "deployment/byhand", "--replicas=0")
    kubectl("wait", "--for=delete", "pod", "--selector=app=byhand", "--timeout=60s")
    return took


def address_by_hand(pod: Object) -> str:
    """Where that pod is asked; empty as long as nobody knows, and for another app's pod."""
    ours = pod["metadata"].get("labels", {}).get("app") == "byhand"
    return str(pod["status"].get("podIP", "")) if ours else ""


def cycles(installation: Installation, kubectl: Kubectl, rounds: int) -> list[Row]:
    """What WakeDock writes to the API server for one wake and one sleep by idleness, with two gateways."""
    kubectl.apply(app(kubectl.namespace, "cycle", idleTimeout="1s"))
    seen, address = Seen(kubectl, "cycle"), installation.address
    epoch = seen.ready()["epoch"]
    kubectl("wait", "--for=create", "endpointslice/cycle-wakedock-ipv4", "--timeout=30s")
    before = requests(kubectl)
    for _ in range(rounds):
        assert ask(address, seen.host)[0] == 200
        epoch = seen.until("Asleep", after=epoch)["epoch"]
        kubectl("wait", "--for=delete", "pod", "--selector=wakedock.dev/service=cycle", "--timeout=60s")
    made = Counter({request: count for request, count in (requests(kubectl) - before).items() if request.verb in WRITES})
    each = sum(made.values()) / rounds
    refused = sum(count for request, count in made.items() if request.refused) / rounds
    kinds = f"{told(made, rounds)}; {refused:.1f} of them refused"
    samples = {"writes": {f"{request.verb} {request.what}": count for request, count in made.items()}, "refused_per_cycle": refused}
    return [Row("API writes per wake and sleep, two gateways", f"{each:.1f}", kinds, "12", each <= 12, samples)]


@dataclass(frozen=True, slots=True)
class Request:
    """What WakeDock's accounts asked of the API server."""

    verb: str
    what: str
    """The resource, with its subresource."""
    refused: bool


def requests(kubectl: Kubectl) -> Counter[Request]:
    """All of them in the namespace, from the audit log."""
    node = kubectl("get", "nodes", "--output=jsonpath={.items[0].metadata.name}")
    found: Counter[Request] = Counter()
    for line in api(kubectl.kubeconfig).get(f"/api/v1/nodes/{node}/proxy/logs/kubernetes/audit.log").text.splitlines():
        if kubectl.namespace in line and ACCOUNTS in line:
            entry = json.loads(line)
            target = entry.get("objectRef", {})
            if target.get("namespace") == kubectl.namespace:
                what = "/".join(filter(None, (target["resource"], target.get("subresource"))))
                found[Request(entry["verb"], what, entry["responseStatus"]["code"] >= 400)] += 1
    return found


def told(made: Counter[Request], share: int) -> str:
    """How many of what, for each of `share`."""
    kinds: Counter[str] = Counter()
    for request, count in made.items():
        kinds[request.what] += count
    return ", ".join(f"{count / share:.1f} {what}" for what, count in kinds.most_common())


def crowd(installation: Installation, kubectl: Kubectl, number: int) -> list[Row]:
    """Many apps that are asked for at the same moment, beside as many Deployments that are scaled up at the same moment by hand."""
    names = [f"crowd{each}" for each in range(number)]
    kubectl.apply(*(app(kubectl.namespace, name, idleTimeout="1h") for name in names))
    kubectl("wait", "--for=condition=Ready", "wakeservices", "--all", "--timeout=120s")
    address = installation.address
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=number) as clients:
        answers = list(clients.map(lambda name: ask(address, host(kubectl.namespace, name)), names))
    woken = time.perf_counter() - began
    assert {status for status, _ in answers} == {200}
    kubectl("delete", "wakeservices", "--all", "--wait=false")
    kubectl("wait", "--for=delete", "pod", "--all", "--timeout=180s")
    kubectl.apply(*(workload(f"hand{each}") for each in range(number)))
    began = time.perf_counter()
    kubectl("scale", "--replicas=1", *(f"deployment/hand{each}" for each in range(number)))
    kubectl("wait", "--for=condition=Available", *(f"deployment/hand{each}" for each in range(number)), "--timeout=300s")
    scaled = time.perf_counter() - began
    row = Row(
        f"{number} apps woken at once, until the last has answered",
        f"{woken:.1f} s",
        f"{scaled:.1f} s until as many Deployments, scaled up by hand, are available; ratio {woken / scaled:.2f}",
        samples={"woken_s": woken, "by_hand_s": scaled},
    )
    return [row]


def many(installation: Installation, kubectl: Kubectl, number: int) -> list[Row]:
    """So many WakeServices of workloads that do not exist, from the first one applied until all are Routed; then memory."""
    kubectl.apply(app(kubectl.namespace, "meanwhile", idleTimeout="1h"))
    asked = Seen(kubectl, "meanwhile")
    epoch = asked.ready()["epoch"]
    empty = memory(installation)
    objects = [
        {
            "apiVersion": "wakedock.dev/v1alpha1",
            "kind": "WakeService",
            "metadata": {"name": f"many{each}"},
            "spec": {"hosts": [f"many{each}.{kubectl.namespace}.test"], "port": PORT, "targetRef": {"name": f"many{each}"}},
        }
        for each in range(number)
    ]
    began = time.perf_counter()
    for start in range(0, number, 200):
        kubectl.apply(*objects[start : start + 200])
    applied = time.perf_counter() - began
    left = number + 1 - count_routed(kubectl)
    began_wake = time.perf_counter()
    assert ask(installation.address, asked.host)[0] == 200
    answered = time.perf_counter() - began_wake
    asked.until("Awake", after=epoch, timeout=600)
    awake = time.perf_counter() - began_wake
    meanwhile = f"while {left} were not Routed yet; its status said Awake after {awake:.1f} s"
    # `kubectl wait --all` takes them one after the other, a tenth of a second each.
    deadline = began + 900
    while (left := number + 1 - count_routed(kubectl)) and time.perf_counter() < deadline:
        time.sleep(number / 2000)
    assert not left, f"{left} of {number} are not Routed after 900 s"
    routed = time.perf_counter() - began
    made = requests(kubectl)
    started = restart(installation)
    full = memory(installation)
    grown = ", ".join(f"{name} {full[name] - empty.get(name, 0):+.0f} MB to {full[name]:.0f} MB" for name in sorted(full))
    return [
        Row(f"{number} WakeServices: until all are Routed", f"{routed:.0f} s", f"of which kubectl needed {applied:.0f} s to apply them"),
        Row(
            f"{number} WakeServices: a cold request meanwhile",
            f"{answered:.1f} s",
            meanwhile,
            samples={"answered_s": answered, "awake_s": awake},
        ),
        Row(f"{number} WakeServices: API requests for each", f"{sum(made.values()) / number:.1f}", told(made, number)),
        Row(f"{number} WakeServices: a new operator is ready", f"{started:.1f} s", "from the order to end the one before it"),
        Row(f"{number} WakeServices: memory, tmpfs included", grown, samples={"empty_mb": empty, "full_mb": full}),
    ]


def restart(installation: Installation) -> float:
    """Seconds from the order to end the operator's pod until the one in its place is ready."""
    selector = "--selector=app.kubernetes.io/component=operator"
    (old,) = installation.kubectl.get("pods", selector)["items"]
    name = old["metadata"]["name"]
    began = time.perf_counter()
    installation.kubectl("delete", "pod", name, "--wait=false")
    installation.kubectl("wait", "--for=delete", f"pod/{name}", "--timeout=60s")
    installation.kubectl("wait", "--for=condition=Ready", "pod", selector, "--timeout=300s")
    return time.perf_counter() - began


def count_routed(kubectl: Kubectl) -> int:
    """How many WakeServices of the namespace are Routed."""
    conditions = (
        {each["type"]: each["status"] for each in item.get("status", {}).get("conditions", ())}
        for item in kubectl.get("wakeservices")["items"]
    )
    return sum(1 for each in conditions if each.get("Routed") == "True")


def memory(installation: Installation) -> dict[str, float]:
    """Working set of each container in MB, the largest of its kind, as the kubelet counts it."""
    node = installation.kubectl("get", "nodes", "--output=jsonpath={.items[0].metadata.name}")
    found: dict[str, float] = {}
    for pod in api(installation.kubeconfig).get(f"/api/v1/nodes/{node}/proxy/stats/summary").json()["pods"]:
        if pod["podRef"]["namespace"] == NAMESPACE:
            for each in pod.get("containers", ()):
                used = each.get("memory", {}).get("workingSetBytes", 0) / 1e6
                found[each["name"]] = max(found.get(each["name"], 0.0), used)
    return found


def measure(kubeconfig: Path, sizes: argparse.Namespace) -> list[Row]:
    """Everything, one after the other; WakeDock is installed for it and taken away."""
    installation = Installation(kubeconfig, Kubectl(kubeconfig, NAMESPACE))
    installation.install()
    try:
        rows: list[Row] = []
        parts = ((cold, sizes.cold), (cycles, sizes.cycles), (crowd, sizes.crowd), *((many, number) for number in sizes.many))
        for part, size in parts:
            if size:
                with namespace(kubeconfig) as kubectl:
                    rows += part(installation, kubectl, size)
    finally:
        installation.uninstall()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.kubernetes", description="Measure WakeDock on a cluster.")
    for name, default in (("cold", COLD), ("cycles", CYCLES), ("crowd", CROWD)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{default}; 0 leaves it out")
    parser.add_argument("--many", type=int, nargs="*", default=[MANY], metavar="N", help=f"{MANY}; several: one after the other")
    options = parser.parse_args()
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        parser.error("KUBECONFIG names no cluster: use `make bench-kubernetes`")
    machine = asyncio.run(describe())
    began = time.monotonic()
    found = {"kubernetes": measure(Path(kubeconfig), options)}
    show(machine, found, Console(width=WIDTH))
    RESULTS.mkdir(exist_ok=True)
    print(f"written: {write(RESULTS, machine, found, time.monotonic() - began).name}")


if __name__ == "__main__":
    main()
