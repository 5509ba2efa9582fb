"""Why an app does not come up, as its pods and controllers tell. No I/O.

What may still heal: a pod that finds no node (an autoscaler may bring one), a quota that is used up (by its own pod that still ends,
for instance), an image that could not be pulled (it is tried again), the first restarts of a container that exits.
"""

import re
from collections.abc import Container, Iterator, Mapping

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, condition, generation, metadata, spec, status, uid
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.settled import ready, terminating
from wakedock_operator.core.status import Failure, FailureReason

FIRST_CRASHES = 3
"""So many crashes of one container may heal."""

IMAGE_MAY_COME = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
IMAGE_NEVER_COMES = frozenset({"ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
CONFIGURATION = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"})

_not_found = re.compile(r"no such file or directory|executable file not found", re.IGNORECASE)
_denied = re.compile(r"denied the request|violates PodSecurity|is forbidden", re.IGNORECASE)


def failure_of(seen: Seen, *, answered: Container[str] = ()) -> Failure | None:
    """The first cause that is found, lasting ones before those that may heal; None while nothing is asked of it, and once a pod is ready.

    `answered` holds the ids of pods that answered a probe of this process.
    """
    live = [pod for pod in seen.newest if not terminating(pod)]
    if seen.desired == 0 or any(ready(pod) or uid(pod) in answered for pod in live):
        return None
    causes = (*(cause for pod in live for cause in of_pod(pod)), *_of_controllers(seen))
    return next((cause for cause in causes if not cause.healable), None) or next(iter(causes), None)


def of_pod(pod: Document) -> Iterator[Failure]:
    """What keeps this pod from running, by its own status."""
    yield from _scheduling(pod)
    for container in (*(status(pod).get("initContainerStatuses") or ()), *(status(pod).get("containerStatuses") or ())):
        cause = _of_container(pod, container)
        if cause is not None:
            yield cause


def denial(message: str) -> FailureReason:
    """The class of what the API server refused."""
    if "exceeded quota" in message:
        return FailureReason.QUOTA
    return FailureReason.DENIED if _denied.search(message) else FailureReason.BACKEND


def _of_controllers(seen: Seen) -> Iterator[Failure]:
    attempt = f"{uid(seen.workload)}/{generation(seen.workload)}"
    if seen.target.is_deployment and spec(seen.workload).get("paused") and not seen.replica_sets:
        yield Failure(
            f"{attempt}/paused",
            FailureReason.PAUSED,
            f"{seen.target} was created paused, so nothing starts; resume it (kubectl rollout resume)",
        )
    for each in (*seen.replica_sets[:1], seen.workload):
        found = condition(each, "ReplicaFailure")
        if found is not None and found.get("status") == "True":
            message = str(found.get("message", ""))
            reason = denial(message)
            yield Failure(f"{attempt}/replicas", reason, f"no pod can be created: {message}", healable=reason is FailureReason.QUOTA)


def _scheduling(pod: Document) -> Iterator[Failure]:
    found = condition(pod, "PodScheduled")
    if found is not None and found.get("status") == "False":
        message = f"no node takes pod {metadata(pod).get('name')}: {found.get('message', '')}"
        yield Failure(f"{uid(pod)}/unschedulable", FailureReason.UNSCHEDULABLE, message, healable=True)


def _of_container(pod: Document, container: Document) -> Failure | None:
    name, restarts, state = container.get("name"), int(container.get("restartCount", 0)), container.get("state") or {}
    waiting, terminated = state.get("waiting"), state.get("terminated")
    attempt = f"{uid(pod)}/{name}"
    if waiting is not None:
        reason, said = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in IMAGE_MAY_COME or reason in IMAGE_NEVER_COMES:
            return Failure(
                f"{attempt}/image",
                FailureReason.IMAGE_PULL,
                f"the image of container {name} cannot be pulled ({reason}): {said}",
                healable=reason in IMAGE_MAY_COME,
            )
        if reason in CONFIGURATION:
            return Failure(f"{attempt}/configuration", *_configuration(str(name), reason, said))
        if reason == "CrashLoopBackOff":
            terminated = (container.get("lastState") or {}).get("terminated") or {}
            return _crash(pod, container, terminated, crashes=restarts + 1, looping=True)
        return None
    if terminated is not None:
        # An init container that has done its work.
        return None if terminated.get("exitCode") == 0 and _is_init(pod, str(name)) else _crash(pod, container, terminated, restarts + 1)
    last = (container.get("lastState") or {}).get("terminated")
    return None if last is None or restarts == 0 else _crash(pod, container, last, restarts, running=True)


def _configuration(name: str, reason: str, said: str) -> tuple[FailureReason, str]:
    class_ = FailureReason.COMMAND_NOT_FOUND if _not_found.search(said) else FailureReason.BACKEND
    if reason == "CreateContainerConfigError":
        class_ = FailureReason.MISCONFIGURED
    return class_, f"container {name} cannot be made ({reason}): {said}"


def _crash(
    pod: Document, container: Document, terminated: Mapping[str, object], crashes: int, *, looping: bool = False, running: bool = False
) -> Failure:
    name, reason, code = container.get("name"), str(terminated.get("reason", "")), terminated.get("exitCode")
    said = str(terminated.get("message", "")).strip()
    seen = f" ({reason})" if reason not in {"", "Error", "Completed"} else ""
    times = f", {crashes} times so far" if crashes > 1 else ""
    message = f"container {name} exited with code {code}{seen}{times}" + (f": {said}" if said else "")
    if reason in {"StartError", "ContainerCannotRun"} and _not_found.search(said):
        return Failure(f"{uid(pod)}/{name}/command", FailureReason.COMMAND_NOT_FOUND, message)
    class_ = FailureReason.CRASH_LOOP if looping or crashes > 1 else FailureReason.EXITED
    return Failure(f"{uid(pod)}/{name}/{crashes}", class_, message, healable=running or crashes <= FIRST_CRASHES)


def _is_init(pod: Document, name: str) -> bool:
    return any(each.get("name") == name for each in status(pod).get("initContainerStatuses") or ())
