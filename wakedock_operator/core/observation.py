"""What a backend says about a workload: the facts on which grants and stops rest."""

from dataclasses import dataclass, replace

from .status import Failure, Status


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of the app: a pod, a container, a process.

    A resumed instance is a new instance: it has a new `id`, so that a stop meant for the old one can never reach it.
    """

    id: str
    address: str
    """Where Caddy dials it: `host:port`. Empty for an app that takes no requests (no port)."""
    terminating: bool = False
    ready: bool = False
    """It has answered its readiness probe once (or the backend says so)."""
    name: str = ""
    """What people call it, where that is not its id."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A consistent look at one workload."""

    desired: int
    """The scale that is asked of the backend now."""
    settled: bool
    """The backend has acted on `desired`: nothing that was decided earlier is still to be started or stopped."""
    version: str
    """Precondition of a stop; moved by every start, stop and fence."""
    instances: tuple[Instance, ...] = ()
    failure: Failure | None = None
    """Why the last start failed, the last instance ended by itself or (healable) the one that runs does not get ready; None once a newer
    instance runs, or this one is ready."""
    seen: str = ""
    """What the last probe saw of an instance that is not ready, where the backend keeps that: told when the wait for it is given up."""
    outdated: bool = False
    """What runs was started from an older definition."""
    generation: int | None = None
    """Grows with every change of what is asked of the backend, whoever asks; None where a backend has no such count."""
    scaled_by: str = ""
    """Who set `desired`, where the backend keeps that."""
    stable: Instance | None = None
    """The address that stays whatever instances come and go; None where the instance's own address is all there is."""
    rolling: bool = False
    """A new version is being rolled out and something is ready meanwhile: a sleep would end what still serves."""
    undone: bool = False
    """Something that was made for the service is gone or was changed by somebody, and is to be made again."""

    @property
    def live(self) -> tuple[Instance, ...]:
        """The instances that are not terminating."""
        return tuple(i for i in self.instances if not i.terminating)

    @property
    def terminating(self) -> bool:
        """True while something that is on its way out is still there."""
        return any(i.terminating for i in self.instances)

    def at(self, instance: str, address: str) -> "Observation":
        """This observation with the address of one instance, found out after the look."""
        return replace(self, instances=tuple(replace(i, address=address) if i.id == instance else i for i in self.instances))

    def under(self, status: Status) -> "Observation":
        """This observation with every instance that the status wants stopped shown as terminating, signalled or not."""
        if status.stop is None or not any(i.id in status.stop.instances for i in self.live):
            return self
        named = status.stop.instances
        return replace(self, settled=False, instances=tuple(replace(i, terminating=i.terminating or i.id in named) for i in self.instances))


NOTHING = Observation(desired=0, settled=True, version="")
