"""What is in the image that the cluster runs, read from the archive that it was loaded from."""

import json
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.installation import ROOT
from wakedock_operator import __version__

pytestmark = pytest.mark.cluster

COMPILERS = {"cc", "c++", "gcc", "g++", "clang", "ld", "make", "go", "rustc"}
INSTALLERS = {"pip", "pip3", "ensurepip", "easy_install", "uv", "conda"}


@dataclass(frozen=True, slots=True)
class Image:
    """Its configuration, and every file and folder of its layers."""

    configuration: dict[str, Any]
    files: frozenset[str]


@pytest.fixture(scope="module")
def image() -> Image:
    with tarfile.open(ROOT / "build/images/wakedock.tar") as archive:
        (manifest,) = _json(archive, "manifest.json")
        files = {name for layer in manifest["Layers"] for name in _names(archive, layer)}
        return Image(_json(archive, manifest["Config"])["config"], frozenset(files))


def _json(archive: tarfile.TarFile, name: str) -> Any:
    stream = archive.extractfile(name)
    assert stream is not None
    return json.load(stream)


def _names(archive: tarfile.TarFile, layer: str) -> Iterator[str]:
    with tarfile.open(fileobj=archive.extractfile(layer)) as opened:
        yield from (posixpath.normpath(name) for name in opened.getnames())


def test_it_runs_wakedock_as_nobody_in_particular(image: Image):
    assert image.configuration["User"] == "65532:65532"
    assert image.configuration["Entrypoint"] == ["/opt/wakedock/bin/wakedock"]
    assert "opt/wakedock/bin/wakedock" in image.files


def test_nothing_in_it_compiles_or_installs(image: Image):
    programs = {posixpath.basename(name) for name in image.files if posixpath.dirname(name).endswith("bin")}
    assert "python3" in programs
    assert not programs & (COMPILERS | INSTALLERS)
    packages = {name.split("-packages/")[1].split("/")[0] for name in image.files if "-packages/" in name}
    assert "wakedock_operator" in packages
    assert not packages & (INSTALLERS | {"setuptools", "wheel", "hatchling"})


def test_it_says_what_it_is(image: Image):
    labels = {name.rpartition(".")[2]: value for name, value in image.configuration["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("WakeDock", __version__, "Apache-2.0")
    assert labels["revision"]
