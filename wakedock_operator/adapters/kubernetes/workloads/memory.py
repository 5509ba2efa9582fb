"""What a process remembers of a workload between two calls. Nothing here must survive."""

from dataclasses import dataclass, field

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, uid, version
from wakedock_operator.adapters.kubernetes.workloads.instances import preferred
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.core.status import Failure


@dataclass(slots=True)
class Memory:
    """One workload of one service."""

    uid: str
    """The service's: another one of the same name begins anew."""
    pods: dict[str, Document] = field(default_factory=dict)
    """Of the last look: those to which requests may go, by uid, the best one last."""
    answered: set[str] = field(default_factory=set)
    """Of these, those that answered a probe of this process."""
    stable: str | None = None
    """The Service's address; None until it was found, and when it did not answer."""
    attempts: int = 0
    """Starts that the API server refused: each is a failure of its own."""
    refused: Failure | None = None
    """What came of the last start, if it was refused."""
    refused_since: float = 0.0
    refused_at: float = 0.0
    """When starts began to be refused, and when the last one was; the loop's clock."""
    desired: int = 0
    version: str = ""
    """Count and version of the last look."""

    workload: str = ""
    """The uid of the workload that was seen last."""
    foreign: bool = False
    """The workload of that name belongs to somebody else."""

    def saw(self, seen: Seen) -> None:
        """Take a look in."""
        self.pods = {uid(pod): pod for pod in preferred(seen, self.answered)}
        self.answered &= self.pods.keys()
        self.desired, self.version, self.foreign = seen.desired, version(seen.workload), False
        self.workload = uid(seen.workload)
        if seen.desired > 0:
            self.refused = None

    def saw_nothing(self, *, foreign: bool = False) -> None:
        """There is no workload, or somebody else's."""
        self.pods, self.desired, self.version, self.foreign = {}, 0, "", foreign
        self.answered.clear()

    @property
    def best(self) -> Document | None:
        """The pod that is preferred."""
        return next(reversed(self.pods.values()), None)
