"""Compile the one binary that is all of Kubernetes, or find it in the cache; compile the app of the tests."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hack.cluster.images import Image, pack
from hack.cluster.layout import KUBERNETES, PAUSE, PROGRAMS, SOURCES, TESTAPP, TREE, ClusterError, Layout

GO = 26
STATIC = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}
# Where Kubernetes' programs find their own version.
VERSIONED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def built(layout: Layout) -> bool:
    """Whether the binary of this tree is in the cache, complete."""
    return (layout.build / "pause.tar").exists()


def go(*arguments: str, folder: Path) -> str:
    """What Go prints, run in a module's folder; its progress goes to the terminal."""
    if shutil.which("go") is None:
        message = f"go: not found; the cluster is compiled with Go 1.{GO} or later, see https://go.dev/dl/"
        raise ClusterError(message)
    return subprocess.run(
        ["go", *arguments], cwd=folder, env={**os.environ, **STATIC}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def linker_flags(version: str) -> str:
    """Kubernetes' programs say `version` (as v1.37.2) of themselves; no time or commit, so that equal sources give equal bytes."""
    major, minor, _ = version.removeprefix("v").split(".", 2)
    facts = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "module",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for package in VERSIONED for name, value in facts.items())])


def build(layout: Layout) -> None:
    """Make `layout.build` unless it is there: 8 minutes on two cores with nothing cached, seconds with Go's own cache."""
    if not built(layout):
        layout.builds.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=layout.builds, prefix=".building-") as folder:
            compile_into(Path(folder) / "build", oldest=layout.oldest)
            shutil.rmtree(layout.build, ignore_errors=True)
            (Path(folder) / "build").rename(layout.build)
    link = layout.home / ".bin"
    link.unlink(missing_ok=True)
    link.symlink_to(layout.build.relative_to(layout.home))
    link.replace(layout.bin)


def compile_into(folder: Path, *, oldest: bool) -> None:
    """The binary, its links, and the image of pause. Kubernetes of the `oldest` version is a second binary."""
    folder.mkdir()
    module = SOURCES / "node"
    compile_kubernetes(module, folder / "wakedock-node")
    if oldest:
        compile_kubernetes(SOURCES / "oldest", folder / "wakedock-oldest")
    for name in PROGRAMS:
        (folder / name).symlink_to("wakedock-oldest" if oldest and name in KUBERNETES else "wakedock-node")
    go("build", "-ldflags", "-s -w", "-o", str(folder / "pause"), "./cmd/pause", folder=module)
    pack(Image(reference=PAUSE, content=folder / "pause"), folder / "pause.tar")


def compile_kubernetes(module: Path, binary: Path) -> None:
    """A binary whose programs say the version of Kubernetes that the module takes."""
    version = go("list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes", folder=module).strip()
    go("build", "-ldflags", linker_flags(version), "-o", str(binary), ".", folder=module)


def build_testapp() -> Path:
    """Compile the app of the tests and pack it as the image `TESTAPP`; gives the archive."""
    folder = TREE / "build" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        go("build", "-ldflags", "-s -w", "-o", f"{scratch}/testapp", ".", folder=SOURCES / "testapp")
        pack(Image(reference=TESTAPP, content=Path(scratch) / "testapp"), folder / "testapp.tar")
    return folder / "testapp.tar"
