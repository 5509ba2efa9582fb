"""Write the lock files: every package pinned, with the hashes of all its files, and no address of any index.

Usage: python hack/lock.py [--upgrade]

pip-tools reads extras but not dependency groups, so this script hands it plain lists.

- runtime.lock: what WakeDock needs where it runs.
- kubernetes.lock: the same with what Kubernetes needs besides; the container image holds it.
- sbom.lock: what lists the contents of the container image, apart from everything else.
- checkov.lock: what checks the chart, apart from everything else too.
- build.lock: what builds packages from source, this one included, so that no build fetches anything unpinned.
- development.lock: everything `make venv` installs. The others constrain it: tests run with what people install.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
HEADER = "# Every package with its hashes; written by `make lock`, newer versions by `make lock UPGRADE=1`.\n"
OPTIONS = [
    "--quiet",
    "--no-config",
    "--no-header",
    "--no-annotate",
    "--no-emit-options",
    "--no-emit-index-url",
    "--no-emit-trusted-host",
    "--no-emit-find-links",
    "--generate-hashes",
    "--no-reuse-hashes",
    "--allow-unsafe",
    "--strip-extras",
]
SETTINGS_THAT_CHANGE_A_LOCK = ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_PRE", "PIP_ONLY_BINARY")
PINNED_WITH_HASHES = re.compile(r"[a-z0-9._-]+==\S+( ; .+)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+\n")


def group(groups: dict[str, list[str | dict[str, str]]], name: str) -> list[str]:
    """The requirements of a dependency group, the groups it includes among them (PEP 735)."""
    found: list[str] = []
    for entry in groups[name]:
        found += [entry] if isinstance(entry, str) else group(groups, entry["include-group"])
    return found


def compile_lock(requirements: list[str], *, output: Path, constraints: list[Path], upgrade: bool) -> None:
    """Pin `requirements` in `output`, keeping the versions that stand there unless `upgrade`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.in")
        wanted.write_text("\n".join(requirements) + "\n")
        written = Path(folder, "requirements.txt")
        if output.exists() and not upgrade:
            written.write_text(output.read_text())
        command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, f"--output-file={written}", str(wanted)]
        command += [f"--constraint={path}" for path in constraints]
        command += ["--upgrade"] if upgrade else []
        environment = {key: value for key, value in os.environ.items() if key not in SETTINGS_THAT_CHANGE_A_LOCK}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        pinned = "".join(line for line in written.read_text().splitlines(keepends=True) if line.strip() and not line.startswith("#"))
    if rest := PINNED_WITH_HASHES.sub("", pinned).strip():
        sys.exit(f"{output.name}: these lines are not a pinned package with hashes, so the lock is not written:\n{rest}")
    output.write_text(HEADER + pinned)


def main() -> None:
    """Write the locks."""
    upgrade = "--upgrade" in sys.argv[1:]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, groups = project["project"]["dependencies"], project["dependency-groups"]
    kubernetes = runtime + project["project"]["optional-dependencies"]["kubernetes"]
    LOCKS.mkdir(exist_ok=True)
    runtime_lock, kubernetes_lock = LOCKS / "runtime.lock", LOCKS / "kubernetes.lock"
    build_lock, development_lock = LOCKS / "build.lock", LOCKS / "development.lock"
    compile_lock(runtime, output=runtime_lock, constraints=[], upgrade=upgrade)
    compile_lock(kubernetes, output=kubernetes_lock, constraints=[runtime_lock], upgrade=upgrade)
    for alone in ("sbom", "checkov"):
        compile_lock(group(groups, alone), output=LOCKS / f"{alone}.lock", constraints=[], upgrade=upgrade)
    compile_lock(group(groups, "build"), output=build_lock, constraints=[runtime_lock], upgrade=upgrade)
    constraints = [kubernetes_lock, build_lock]
    compile_lock(kubernetes + group(groups, "dev"), output=development_lock, constraints=constraints, upgrade=upgrade)


if __name__ == "__main__":
    main()
