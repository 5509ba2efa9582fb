"""Whose words are shown when a pod crashes."""

from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.workloads import logs

ENDED = {"terminated": {"exitCode": 1}}
RUNNING: dict[str, Any] = {"running": {}}


class Kubelet:
    """Keeps what each run of each container said; a run it knows nothing of is refused."""

    def __init__(self, said: dict[tuple[str, bool], str]) -> None:
        self._said = said

    async def text(self, path: str, *, container: str, previous: str = "", **query: int) -> str:
        assert path.endswith("/pods/shop-1/log")
        assert query == {"tailLines": 1}
        if (container, bool(previous)) not in self._said:
            raise ApiError("there is no such run")
        return self._said[container, bool(previous)]


def pod(*containers: tuple[str, dict[str, Any]], init: tuple[str, dict[str, Any]] | None = None, main: str = "") -> dict[str, Any]:
    def statuses(*named: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"name": name, **runs} for name, runs in named]

    return {
        "metadata": {"namespace": "team", "name": "shop-1", "annotations": {logs.DEFAULT_CONTAINER: main}},
        "spec": {"containers": [{"name": name} for name, _ in containers]},
        "status": {"containerStatuses": statuses(*containers), "initContainerStatuses": statuses(init) if init else []},
    }


@pytest.mark.parametrize(
    "seen, said, line",
    [
        (pod(("app", {"state": ENDED})), {("app", False): "panic\n"}, "panic"),
        (pod(("app", {"state": ENDED})), {("app", False): "", ("app", True): "panic"}, "panic"),
        (pod(("app", {"state": ENDED})), {("app", True): "panic"}, "panic"),
        (pod(("app", {"state": ENDED})), {("app", False): "unable to retrieve container logs for containerd://f00d"}, ""),
        (pod(("app", {"state": RUNNING, "lastState": ENDED})), {("app", False): "listening", ("app", True): "panic"}, "panic"),
        (pod(("proxy", {"state": RUNNING}), ("app", {"state": ENDED})), {("app", False): "panic", ("proxy", False): "fine"}, "panic"),
        (pod(("app", {}), init=("setup", {"state": ENDED})), {("setup", False): "no database"}, "no database"),
        (
            pod(("app", {"state": ENDED}), init=("setup", {"state": {"terminated": {"exitCode": 0}}})),
            {("app", False): "panic", ("setup", False): "done"},
            "panic",
        ),
        (pod(("app", {"state": RUNNING})), {("app", False): "fine"}, ""),
        (pod(("app", {"state": ENDED})), {}, ""),
        (None, {}, ""),
    ],
    ids=[
        "of the run that ended",
        "of the one before, where it was started again meanwhile and has said nothing",
        "of the one before, where the present run cannot be read yet",
        "not kubelet's, where the log is gone",
        "not of a run that goes on",
        "of the container that crashed, not its neighbour",
        "of a failed init container",
        "not of an init container that has done its work",
        "nothing where nothing crashed",
        "nothing where nothing can be read",
        "nothing without a pod",
    ],
)
async def test_the_last_line_is(seen: Any, said: dict[tuple[str, bool], str], line: str):
    assert await logs.last_line(Kubelet(said), seen) == line  # type: ignore[arg-type] # all that it asks of it


def test_a_pod_of_several_containers_is_asked_about_its_first():
    assert logs.main_container(pod(("app", {}), ("proxy", {}))) == "app"


def test_a_pod_of_several_containers_is_asked_about_the_one_that_it_names():
    assert logs.main_container(pod(("proxy", {}), ("app", {}), main="app")) == "app"
