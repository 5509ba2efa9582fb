"""A gateway runs beside every node's apps: importing the activator brings in what it needs to answer holds, and nothing more."""

import json
import subprocess
import sys

import pytest

LOADED = """
import importlib, json, pkgutil, sys
import wakedock_operator.activator as activator
for module in pkgutil.walk_packages(activator.__path__, activator.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Every module that is there after the whole activator was imported by a fresh interpreter."""
    told = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    return set(json.loads(told.stdout))


def test_the_activator_is_what_was_imported(loaded: set[str]):
    assert {"wakedock_operator.activator.activator", "wakedock_operator.activator.server", "aiohttp"} <= loaded


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("typer", id="the command line's library"),
        pytest.param("pydantic_settings", id="the command line's settings"),
        pytest.param("httpx", id="an HTTP client that only h2c probes and the command line need"),
        pytest.param("h2", id="HTTP/2 in Python"),
        pytest.param("kopf", id="the controller's framework on Kubernetes"),
        pytest.param("kubernetes", id="a Kubernetes client"),
        pytest.param("docker", id="a Docker client"),
        pytest.param("sqlalchemy", id="a database"),
        pytest.param("sqlite3", id="the history's database"),
        pytest.param("watchfiles", id="the watch of definitions"),
        pytest.param("yaml", id="the parser of definitions"),
        pytest.param("psutil", id="process trees"),
        # Not all of rich: structlog imports some of it by itself where it is installed.
        pytest.param("rich.live", id="the command line's live view"),
        pytest.param("wakedock_operator.adapters.caddy", id="Caddy's adapter"),
        pytest.param("wakedock_operator.adapters.process", id="the process backend"),
        pytest.param("wakedock_operator.adapters.files", id="the file catalogue"),
        pytest.param("wakedock_operator.adapters.probing", id="the probes"),
        pytest.param("wakedock_operator.controller", id="the controller"),
        pytest.param("wakedock_operator.api", id="the control API"),
        pytest.param("wakedock_operator.cli", id="the command line"),
    ],
)
def test_the_activator_does_not_import(loaded: set[str], module: str):
    assert module not in loaded
