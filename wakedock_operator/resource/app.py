"""`spec.app`: the workload that WakeDock creates itself."""

import re
import signal
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from wakedock_operator.resource.identity import ObjectName
from wakedock_operator.resource.literals import Argument
from wakedock_operator.resource.opaque import KubernetesObject
from wakedock_operator.resource.section import Section
from wakedock_operator.resource.variables import EnvFrom, EnvVar, FileName

MAX_PIECES = 64
"""Volumes, mounts and pull secrets: of each at most so many."""

_user = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|[0-9]{1,10}")


def _user_name(text: str) -> str:
    if not _user.fullmatch(text):
        raise ValueError(f"{text!r} is not the name or number of a user")
    return text


def _signal_name(text: str) -> str:
    name = text.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in signal.Signals.__members__:
        raise ValueError(f"{text!r} is not a signal: write a name such as SIGTERM, SIGINT or SIGQUIT")
    if name in {"SIGSTOP", "SIGCONT"}:
        raise ValueError(f"{text!r} does not end a process: write a name such as SIGTERM, SIGINT or SIGQUIT")
    return name


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0]:
        raise ValueError("the first word of a command names a program and must not be empty")
    return words


Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=1024), AfterValidator(_command)]


class PullSecret(Section):
    """A Secret that lets Kubernetes pull the image."""

    name: ObjectName = Field(description="The name of the Secret, in the namespace of the WakeService.")


class App(Section):
    """What WakeDock starts and stops itself."""

    image: Annotated[StrictStr, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="The container image, such as `registry.example.org/shop/web:1.4`."
    )
    command: Command = Field(
        default=(),
        description="The program and its arguments, each a word of its own; no shell is involved. `$(PORT)` stands for the port the app "
        "must listen on, `$(PORT:db)` for the port of the dependency `db`; `$$` is one `$`, so `$$(PORT)` is left as `$(PORT)`. On "
        "Kubernetes it takes the place of the image's entrypoint; a process needs it.",
    )
    args: Annotated[tuple[Argument, ...], Field(max_length=1024)] = Field(
        default=(), description="Arguments for `command` or, without one, for the image's entrypoint."
    )
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=256,
        description="Environment variables. They win over `envFrom`; of two with one name the later wins. `PORT` is always set.",
    )
    env_from: tuple[EnvFrom, ...] = Field(
        default=(),
        max_length=16,
        description="Sources of many environment variables, read at each start; of two with one name the later wins.",
    )
    working_dir: FileName | None = Field(
        default=None,
        description="The folder the app starts in. For a process a relative path starts at the folder of the file that holds this "
        "WakeService, which is also the default; on Kubernetes the image's own folder is.",
    )
    user: Annotated[StrictStr, Field(max_length=33), AfterValidator(_user_name)] | None = Field(
        default=None,
        description="The user, by name or number, that the app runs as; by default the user of WakeDock. Another user needs root.",
    )
    stop_signal: Annotated[StrictStr, Field(max_length=16), AfterValidator(_signal_name)] = Field(
        default="SIGTERM", description="The signal that asks the app to end. After `sleep.gracePeriod` it is killed."
    )
    volumes: tuple[KubernetesObject, ...] = Field(
        default=(), max_length=MAX_PIECES, description="Volumes of the pod, each as in `spec.volumes` of a pod."
    )
    volume_mounts: tuple[KubernetesObject, ...] = Field(
        default=(), max_length=MAX_PIECES, description="Where volumes appear in the container, each as in `volumeMounts` of a container."
    )
    resources: KubernetesObject | None = Field(
        default=None, description="What the container asks for and may use: `requests` and `limits`, as in a container."
    )
    readiness_probe: KubernetesObject | None = Field(
        default=None,
        description="When a pod may get requests, as in a container. An HTTP probe is what the gateway asks too, at its own faster pace; "
        "with any other the gateway waits until Kubernetes calls the pod ready.",
    )
    liveness_probe: KubernetesObject | None = Field(default=None, description="When Kubernetes restarts the container, as in a container.")
    startup_probe: KubernetesObject | None = Field(
        default=None, description="What holds back the other two probes until the app has started, as in a container."
    )
    security_context: KubernetesObject | None = Field(default=None, description="What the container may do, as in a container.")
    pod_security_context: KubernetesObject | None = Field(
        default=None, description="What the whole pod may do, as `securityContext` of a pod."
    )
    service_account_name: ObjectName | None = Field(
        default=None, description="The ServiceAccount of the pods; by default that of the namespace."
    )
    image_pull_secrets: tuple[PullSecret, ...] = Field(
        default=(), max_length=MAX_PIECES, description="Secrets for the registry that holds the image."
    )
    pod_template: KubernetesObject | None = Field(
        default=None,
        description="A pod template (`metadata` and `spec`, as in a Deployment) that is laid over the one made from the fields above, for "
        "everything that they cannot say. Where both say something, this wins; lists whose entries have names are joined by name, and "
        "the app's own container is named `app`.",
    )

    def templates(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every string in which `$(…)` is expanded, with the place where it stands below `app`."""
        for index, word in enumerate(self.command):
            yield ("command", index), word
        for index, word in enumerate(self.args):
            yield ("args", index), word
        for index, variable in enumerate(self.env):
            yield ("env", index, "value"), variable.value
