"""An app on a cluster sleeps at zero replicas and wakes on the first request."""

import asyncio
import json
import urllib.error

import pytest

from hack.cluster.kubectl import Kubectl
from tests.audit import changes
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, app, host, reason
from tests.cluster.load import Load
from tests.cluster.under_load import put_to_sleep, slept
from tests.cluster.workloads import Ledger
from tests.soak.generator import exchange

pytestmark = pytest.mark.cluster


def test_an_app_sleeps_wakes_on_a_request_and_sleeps_again(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "hello"))
    hello = Seen(kubectl, "hello")
    asleep = hello.ready()
    assert kubectl.get("deployment", "hello")["spec"]["replicas"] == 0
    kubectl("wait", "--for=condition=Ready", "wakeservice/hello", "--timeout=10s")
    assert ask(wakedock.address, host(kubectl.namespace, "hello"), data=b"form")[0] == 200
    awake = hello.until("Awake", after=asleep["epoch"])
    assert (awake["wokenBy"], awake["asker"]["method"], awake["asker"]["host"]) == ("Request", "POST", host(kubectl.namespace, "hello"))
    again = hello.until("Asleep", after=awake["epoch"])
    assert again["drain"]["reason"] == "Idle"
    kubectl("wait", "--for=delete", "pod", "--selector=wakedock.dev/service=hello", "--timeout=30s")
    told = {event["reason"] for event in kubectl.get("events.events.k8s.io")["items"] if event["regarding"]["kind"] == "WakeService"}
    assert {"Added", "Woke", "Slept"} <= told


async def test_two_hundred_first_requests_make_one_scale_write(wakedock: Installation, kubectl: Kubectl, ledger: Ledger, written_scales):
    kubectl.apply(app(kubectl.namespace, "crowd", env={"LEDGER": ledger.url, "START_DELAY": "1s"}, idleTimeout="1h"))
    Seen(kubectl, "crowd").ready()
    crowd = host(kubectl.namespace, "crowd")
    statuses = await asyncio.gather(*(first(wakedock.address, crowd, f"crowd-{number}") for number in range(200)))
    assert statuses == [200] * 200
    served = ledger.served()
    assert {name: len(by) for name, by in served.items()} == {f"crowd-{number}": 1 for number in range(200)}
    assert [write.replicas for write in changes(written_scales(), name="crowd", before=0)] == [1]


async def first(address: str, host: str, name: str) -> int:
    reader, writer = await asyncio.open_connection(address, 80)
    request = f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {name}\r\nContent-Length: 2\r\n\r\nhi"
    answer = await exchange(reader, writer, request.encode())
    writer.close()
    return answer.status


def test_a_person_asks_with_annotations(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "hello", idleTimeout="1h"))
    hello = Seen(kubectl, "hello")
    asleep = hello.ready()
    kubectl("annotate", "wakeservice/hello", "wakedock.dev/wake=1")
    awake = hello.until("Awake", after=asleep["epoch"])
    assert awake["wokenBy"] == "Command"
    kubectl("annotate", "wakeservice/hello", "wakedock.dev/sleep=1")
    asleep = hello.until("Asleep", after=awake["epoch"])
    assert asleep["drain"]["reason"] == "Requested"


def test_a_schedule_wakes_an_app_and_keeps_it_awake(wakedock: Installation, kubectl: Kubectl):
    always = {
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "from": "00:00",
        "to": "24:00",
        "timeZone": "Etc/UTC",
        "state": "Awake",
    }
    kubectl.apply(app(kubectl.namespace, "office", idleTimeout="1s", schedule=[always]))
    office = Seen(kubectl, "office")
    assert office.until("Awake")["wokenBy"] == "Schedule"
    blocked = office.watch(lambda status: reason(status, "SleepBlocked") == "ScheduledAwake")
    assert blocked["serving"] == "Awake"


def test_a_missing_image_is_told_to_the_client_and_in_the_status(wakedock: Installation, kubectl: Kubectl):
    broken = app(kubectl.namespace, "broken", wake={"failFast": True})
    broken["spec"]["app"]["image"] = "wakedock.local/nowhere:1"
    kubectl.apply(broken)
    Seen(kubectl, "broken").ready()
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(wakedock.address, host(kubectl.namespace, "broken"))
    problem = json.loads(refused.value.read())
    assert (refused.value.code, problem["cause"]) == (503, "ImagePull")
    failed = Seen(kubectl, "broken").watch(lambda status: status.get("state") == "Failed")
    assert failed["drain"]["cause"]["reason"] == "ImagePull"


def test_nothing_is_left_of_a_service_that_is_deleted(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "hello"))
    Seen(kubectl, "hello").ready()
    ask(wakedock.address, host(kubectl.namespace, "hello"))
    kubectl("delete", "wakeservice/hello", "--timeout=30s")
    for what in ("deployment/hello", "service/hello-wakedock"):
        kubectl("wait", "--for=delete", what, "--timeout=60s")
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=60s")


@pytest.mark.timeout(3600)
async def test_no_request_is_lost_or_served_twice_over_sleeps_under_load(
    wakedock: Installation, kubectl: Kubectl, ledger: Ledger, request: pytest.FixtureRequest
):
    """Forced sleeps under steady load; each wakes again by the requests that it holds."""
    sleeps, names = (200 if request.config.getoption("--large") else 50), 10
    apps = [f"app{number}" for number in range(names)]
    kubectl.apply(*(app(kubectl.namespace, name, env={"LEDGER": ledger.url, "ON_SIGTERM": "exit"}, idleTimeout="1h") for name in apps))
    await asyncio.gather(*(asyncio.to_thread(Seen(kubectl, name).ready) for name in apps))
    loads = [Load(wakedock.address, host(kubectl.namespace, name), seed=number, pause=0.2) for number, name in enumerate(apps)]
    async with asyncio.TaskGroup() as tasks:
        for load in loads:
            tasks.create_task(load.run())
        await asyncio.gather(*(asyncio.to_thread(sleep_again_and_again, Seen(kubectl, name), sleeps) for name in apps))
        for load in loads:
            load.stop()
    served = ledger.served()
    sent = [each for load in loads for each in load.ids]
    print(f"{len(sent)} requests, {sleeps * names} sleeps")
    assert [each for load in loads for each in load.lost] == []
    assert [each for each in sent if len(served.get(each, ())) != 1] == []
    pods = [len({by for each in load.ids for by in served[each]}) for load in loads]
    print(f"{sum(pods) - names} of these sleeps ended a pod")
    # One whose stop comes late, on a busy machine, goes on with the pod that it has.
    assert min(pods) > sleeps // 2, f"too few sleeps ended a pod: {pods}"


def sleep_again_and_again(seen: Seen, times: int) -> None:
    awake = seen.until("Awake")
    for number in range(1, times + 1):
        put_to_sleep(seen.kubectl, seen.name, number)
        asleep = slept(seen, awake["epoch"], number)
        awake = seen.until("Awake", after=asleep["epoch"] - 1, timeout=90)
