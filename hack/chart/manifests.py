"""manifests/: what `kubectl apply -k` takes, rendered from the chart.

Rendering needs Helm, which hack/helm finds or brings. Without it the files are compared by the hash of what they were rendered from, so a
changed chart is noticed all the same.
"""

import hashlib
import re
import subprocess
import sys
from functools import cache

from hack.chart.values import CHART

ROOT = CHART.parent.parent
RELEASE, NAMESPACE, KUBERNETES = "wakedock", "wakedock", "1.30.0"
# What says that Helm looks after an object: here nobody does.
OWNED_BY_HELM = re.compile(r"^ +(?:helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^# Source: .*\n", re.MULTILINE)
HOOK = re.compile(r"^  annotations:\n(?:    helm\.sh/hook\S*: .*\n)+", re.MULTILINE)


def installation() -> str:
    """manifests/wakedock.yaml: everything but the namespace and the CustomResourceDefinition."""
    return _rendered("manifests/wakedock.yaml", "--set=crds.enabled=false", "--no-hooks")


def restore() -> str:
    """manifests/restore/job.yaml: what a person applies before removing the rest; with the chart it is a hook."""
    return _rendered("manifests/restore/job.yaml", "--show-only=templates/restore.yaml")


def crd() -> str:
    """The CustomResourceDefinition, for the chart and the manifests."""
    return (ROOT / "crds" / "wakeservices.wakedock.dev.yaml").read_text()


def _rendered(name: str, *options: str) -> str:
    head = f"# Rendered from charts/wakedock by `make docs`, when the hash of the chart was {_hash()}. Do not edit.\n"
    helm = subprocess.run([ROOT / "hack" / "helm", "--find"], capture_output=True, text=True, check=True).stdout.strip()
    if not helm:
        file = ROOT / name
        present = file.read_text() if file.exists() else ""
        if present.startswith(head):
            return present
        sys.exit(f"{name} is older than charts/wakedock, and rendering it needs Helm: `hack/helm` compiles it, which takes some minutes")
    command = [helm, "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", f"--kube-version={KUBERNETES}", *options]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"helm cannot render charts/wakedock: {answer.stderr.strip()}")
    return head + HOOK.sub("", OWNED_BY_HELM.sub("", answer.stdout))


@cache
def _hash() -> str:
    """Of everything that rendering reads; not of what is generated for people."""
    digest = hashlib.sha256()
    for path in sorted(path for path in CHART.rglob("*") if path.is_file() and not path.name.startswith("README")):
        digest.update(f"{path.relative_to(CHART)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
