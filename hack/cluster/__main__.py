"""The command line of the development cluster: `python -m hack.cluster`. README.md beside this file explains it."""

# ruff: noqa: ARG001 - all commands are called alike

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hack.cluster import api_server, lifecycle, orders
from hack.cluster.building import build, build_testapp
from hack.cluster.images import NOBODY, Image, pack
from hack.cluster.layout import ClusterError, Layout
from hack.cluster.node import run_node


def arguments() -> argparse.Namespace:
    """What was asked for; `run` is the function that does it."""
    parser = argparse.ArgumentParser(prog="hack.cluster", description="A real Kubernetes on this machine, in one node.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Layout, argparse.Namespace], int | None], meaning: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=meaning, description=meaning)
        added.set_defaults(run=run)
        return added

    command("build", compiled, "compile the binary unless it is cached")
    command("up", up, "start the cluster, or those of its daemons that do not run")
    command("down", down, "end it and remove its data; the binary stays")
    command("status", status, "the state of each daemon; ends with 1 when the cluster is down")
    command("start", start, "start one daemon that does not run").add_argument("daemon")
    for name, number in orders.SIGNALS.items():
        signalled = command(name, send, f"send {number.name} to one daemon, and wait until it acted on it")
        signalled.add_argument("daemon")
        signalled.set_defaults(signal=number)
    command("load-image", load, "load archives of `docker save` or the OCI").add_argument("archives", nargs="+", type=Path)
    built = command(
        "images", images, "build the app of the tests into build/images/; load it, and archives beside it, where the cluster runs"
    )
    built.add_argument("archives", nargs="*", type=Path)
    image = command("mkimage", make_image, "pack a static binary, or a folder as /, into an archive for load-image")
    image.add_argument("reference")
    image.add_argument("archive", type=Path)
    image.add_argument("content", type=Path)
    image.add_argument("arguments", nargs="*", help="of the entry point; put -- before the first")
    image.add_argument("--entrypoint", action="append", default=[], help="one word of it; repeat for more")
    image.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    image.add_argument("--user", default=NOBODY)
    image.add_argument("--folder", default="/", help="the working directory")
    command("exec", execute, "run a command inside the node").add_argument("words", nargs=argparse.REMAINDER)
    command("during", during, "run a command with the cluster up, leave it as found").add_argument("words", nargs=argparse.REMAINDER)
    command("api-server", serve_api, "an API server and etcd alone, until interrupted")
    command("keep-api-server", keep_api, "for tests: an API server as long as somebody uses it").add_argument("folder", type=Path)
    command("node", be_node, "for `up`: the first process of the node")
    return parser.parse_args()


def main() -> int:
    """Run one command; the exit code is 1 after an error."""
    asked, layout = arguments(), Layout.chosen()
    try:
        return asked.run(layout, asked) or 0
    except ClusterError as error:
        print(f"hack/cluster: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        output = error.stderr.decode() if isinstance(error.stderr, bytes) else error.stderr or ""
        print(f"hack/cluster: {' '.join(map(str, error.cmd))} ended with {error.returncode}. {output}", file=sys.stderr)
    return 1


def compiled(layout: Layout, asked: argparse.Namespace) -> None:
    """Compile, and say where."""
    with lifecycle.alone(layout):
        build(layout)
    print(layout.bin)


def up(layout: Layout, asked: argparse.Namespace) -> None:
    """Start, and say how to use it."""
    with lifecycle.alone(layout):
        lifecycle.up(layout)
    print(f"export KUBECONFIG={layout.kubeconfig}")


def down(layout: Layout, asked: argparse.Namespace) -> None:
    """End."""
    with lifecycle.alone(layout):
        lifecycle.clear(layout)


def status(layout: Layout, asked: argparse.Namespace) -> None:
    """One line per daemon."""
    for daemon, state in orders.states(layout).items():
        print(f"{daemon:<24} {state}")


def start(layout: Layout, asked: argparse.Namespace) -> None:
    """Start one daemon."""
    orders.start(layout, asked.daemon)


def send(layout: Layout, asked: argparse.Namespace) -> None:
    """Stop, kill, freeze or thaw one daemon."""
    orders.signal(layout, asked.daemon, asked.signal)


def load(layout: Layout, asked: argparse.Namespace) -> None:
    """Load images."""
    for archive in asked.archives:
        lifecycle.load_image(layout, archive)


def images(layout: Layout, asked: argparse.Namespace) -> None:
    """Build the app of the tests. Another cluster than ours gets its images from whoever runs it, as `make kind-up` does."""
    archive = build_testapp()
    print(archive)
    chosen = os.environ.get("KUBECONFIG")
    if lifecycle.node_pid(layout) is not None and (not chosen or Path(chosen) == layout.kubeconfig):
        for each in (archive, *asked.archives):
            lifecycle.load_image(layout, each)


def make_image(layout: Layout, asked: argparse.Namespace) -> None:
    """Pack an image."""
    pack(
        Image(
            reference=asked.reference,
            content=asked.content,
            entrypoint=tuple(asked.entrypoint),
            arguments=tuple(asked.arguments),
            environment=tuple(asked.env),
            user=asked.user,
            folder=asked.folder,
        ),
        asked.archive,
    )


def execute(layout: Layout, asked: argparse.Namespace) -> int:
    """Run a command in the node."""
    return subprocess.run(lifecycle.within(layout, *asked.words), check=False).returncode


def during(layout: Layout, asked: argparse.Namespace) -> int:
    """Run a command against the cluster of `KUBECONFIG`; without one against ours, which ends afterwards if it was down before."""
    if os.environ.get("KUBECONFIG"):
        return subprocess.run(asked.words, check=False).returncode
    found = lifecycle.node_pid(layout) is not None
    with lifecycle.alone(layout):
        lifecycle.up(layout)
    try:
        return subprocess.run(asked.words, env={**os.environ, "KUBECONFIG": str(layout.kubeconfig)}, check=False).returncode
    finally:
        if not found:
            with lifecycle.alone(layout):
                lifecycle.clear(layout)


def serve_api(layout: Layout, asked: argparse.Namespace) -> None:
    """Run an API server until SIGINT or SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with tempfile.TemporaryDirectory() as folder, api_server.running(layout, Path(folder)) as kubeconfig:
        print(f"export KUBECONFIG={kubeconfig}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def keep_api(layout: Layout, asked: argparse.Namespace) -> None:
    """See `api_server.shared`."""
    api_server.keep(layout, asked.folder)


def be_node(layout: Layout, asked: argparse.Namespace) -> None:
    """See `node.run_node`."""
    run_node(layout)


if __name__ == "__main__":
    sys.exit(main())
