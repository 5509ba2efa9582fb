"""kubectl, as tests use it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster.building import built
from hack.cluster.layout import ClusterError, Layout


def program() -> str:
    """The kubectl of this tree's build, else the one in PATH."""
    layout = Layout.chosen()
    found = layout.program("kubectl") if built(layout) else shutil.which("kubectl")
    if found is None:
        message = "kubectl: not found; `make cluster-build` compiles one"
        raise ClusterError(message)
    return found


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig, in one namespace."""

    kubeconfig: Path
    namespace: str = "default"

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it and give what it prints. Raises ClusterError with its message when it fails."""
        command = [program(), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]
        ended = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if ended.returncode:
            message = f"kubectl {' '.join(arguments)}: {ended.stderr.strip() or ended.stdout.strip()}"
            raise ClusterError(message)
        return ended.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects, on the server's side."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=json.dumps(listed))

    def get(self, *what: str) -> Any:
        """An object, or a list of them, as the API server shows it."""
        return json.loads(self("get", *what, "--output=json"))
